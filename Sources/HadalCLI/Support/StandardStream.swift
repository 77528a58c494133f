import Foundation
import Hadal

/// Standard output or standard error, written without a buffer in between. Any thread may write.
enum StandardStream {
    case standardOutput, standardError

    private var descriptor: Int32 { self == .standardOutput ? 1 : 2 }

    /// Gives the numbers 0 to 2 to something where the program was started without them.
    ///
    /// A file that is opened later would get the number otherwise, and results would be written into it. What stands in for a closed
    /// stdout cannot be written to, so that writing fails as it would have.
    static func reserve() {
        for descriptor in Int32(0)...2 where fcntl(descriptor, F_GETFD) < 0 {
            let opened = open("/dev/null", descriptor == 2 ? O_WRONLY : O_RDONLY)
            // Only with no /dev/null at all: nothing better can be done then.
            guard opened == descriptor else { return }
        }
    }

    /// Writes all of a text. A result that cannot be written ends the program with status 1; what goes to stderr may be lost.
    func write(_ text: String) {
        var text = text
        let error = text.withUTF8 { write($0) }
        if let error, self == .standardOutput { Self.fail(error) }
    }

    /// Finds what only shows when stdout is closed, or was held back by a C library that writes there itself.
    static func finish() {
        if fflush(nil) != 0 { fail(errno) }
        if close(1) != 0, errno != EBADF, errno != EINTR { fail(errno) }
    }

    /// - Returns: the error number, or nil.
    private func write(_ bytes: UnsafeBufferPointer<UInt8>) -> Int32? {
        guard let start = bytes.baseAddress else { return nil }
        var done = 0
        while done < bytes.count {
            let written = Foundation.write(descriptor, start + done, bytes.count - done)
            if written >= 0 {
                done += written
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN, EWOULDBLOCK:
                // Whoever shares the pipe may have made it non-blocking.
                var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&wait, 1, -1)
            default: return errno
            }
        }
        return nil
    }

    /// A reader that went away ends the program without a word, as other tools do.
    private static func fail(_ number: Int32) -> Never {
        if number != EPIPE { Terminal.error("cannot write to stdout: \(String(cString: strerror(number)))") }
        // Not `exit`: other threads may still be at work.
        _exit(1)
    }
}
