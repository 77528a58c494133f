import Foundation

/// Lines of stdin, for a reader that has something to do while none has come.
///
/// Nothing else may read stdin meanwhile. Not safe for several threads at once.
struct InputLines {
    private var bytes: [UInt8] = []
    /// Where the next line begins in `bytes`.
    private var start = 0
    /// How far `bytes` was searched for an end of the line.
    private var searched = 0
    private var isAtEnd = false

    /// The next line without its end; nil: no more.
    ///
    /// - Parameter willWait: called each time before it waits for whoever writes to stdin.
    mutating func next(_ willWait: () -> Void = {}) -> String? {
        var end = lineEnd()
        while end == nil, !isAtEnd {
            var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            if poll(&input, 1, 0) == 0 { willWait() }
            read()
            end = lineEnd()
        }
        guard end != nil || start < bytes.count else { return nil }
        var line = bytes[start..<(end ?? bytes.count)]
        (start, searched) = ((end ?? bytes.count - 1) + 1, (end ?? bytes.count - 1) + 1)
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return String(decoding: line, as: UTF8.self)
    }

    private mutating func lineEnd() -> Int? {
        let end = bytes[searched...].firstIndex(of: UInt8(ascii: "\n"))
        searched = end ?? bytes.count
        return end
    }

    private mutating func read() {
        bytes.removeSubrange(..<start)
        (start, searched) = (0, searched - start)
        let before = bytes.count, room = 1 << 16
        bytes.append(contentsOf: repeatElement(0, count: room))
        var count: Int
        repeat {
            count = bytes.withUnsafeMutableBytes { Foundation.read(STDIN_FILENO, $0.baseAddress! + before, room) }
        } while count < 0 && errno == EINTR
        bytes.removeSubrange((before + max(count, 0))...)
        isAtEnd = count <= 0
    }
}
