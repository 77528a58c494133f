import HadalCore
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file that is to be removed together with its content, or copied, while SQLite holds locks on it.
///
/// To close any descriptor of a file gives up all locks of the process on it (POSIX): this one is to live until SQLite has closed the file.
///
/// One thread at a time.
final class FileRemains {
    private let path: String
    private let descriptor: Int32

    /// - Throws: `io`.
    init(_ path: String, forWriting: Bool = true) throws {
        self.path = path
        descriptor = open(path, (forWriting ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw Self.failure("cannot open", path) }
    }

    deinit { close(descriptor) }

    /// Writes zeros over all of it, and waits until they are on the disk. What copies of the blocks the device or the file system keeps, this
    /// does not reach.
    func overwrite() throws {
        var info = stat()
        guard fstat(descriptor, &info) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else { throw Self.failure("cannot overwrite", path) }
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        var rest = Int(info.st_size)
        while rest > 0 {
            let count = min(rest, zeros.count)
            let isWritten = zeros.withUnsafeBytes { SystemIO.write(UnsafeRawBufferPointer(rebasing: $0[..<count]), to: descriptor) }
            guard isWritten else { throw Self.failure("cannot overwrite", path) }
            rest -= count
        }
        guard fsync(descriptor) == 0 else { throw Self.failure("cannot overwrite", path) }
    }

    /// Copies all of it to a file that the user alone may read.
    func copy(to other: String) throws {
        let file = try AtomicFile(path: other, mode: 0o600, ignoringMask: true)
        var offset: off_t = 0
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let got = pread(descriptor, &buffer, buffer.count, offset)
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw Self.failure("cannot read", path) }
            if got == 0 { break }
            try file.write(Array(buffer[..<got]))
            offset += off_t(got)
        }
        try file.commit()
    }

    /// Overwrites and removes a file that nobody has open. One that is not there is removed already.
    static func destroy(_ path: String) throws {
        guard FileIdentity(path: path) != nil else { return }
        try FileRemains(path).overwrite()
        guard unlink(path) == 0 || errno == ENOENT else { throw failure("cannot remove", path) }
    }

    private static func failure(_ what: String, _ path: String) -> HadalError {
        HadalError(.io, "\(what): \(String(cString: strerror(errno)))", at: SourcePlace(path))
    }
}
