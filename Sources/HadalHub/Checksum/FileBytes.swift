import HadalCore
import HadalFormats
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reading and measuring files through the system's calls.
enum FileBytes {
    /// Reads at most `limit` bytes of a file in pieces. Stops with `cancelled` when the calling task is cancelled.
    static func read(_ path: String, limit: Int, _ body: (UnsafeRawBufferPointer, _ done: Int) throws -> Void) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw error("cannot open", path) }
        defer { close(descriptor) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        var done = 0
        while done < limit {
            guard !Task.isCancelled else { throw HadalError(.cancelled, "cancelled", at: SourcePlace(path)) }
            let count = SystemIO.readSome(
                descriptor, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, limit - done)]))
            guard count >= 0 else { throw error("cannot read", path) }
            guard count > 0 else { return }
            done += count
            try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]), done)
        }
    }

    /// Writes all of a buffer, or throws.
    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String) throws {
        guard SystemIO.write(bytes, to: descriptor) else { throw error("cannot write", path) }
    }

    /// Size and time of the last change of a regular file; nil when there is none.
    static func status(_ path: String) -> (bytes: Int, modified: Int64)? {
        var info = stat()
        guard stat(path, &info) == 0, info.st_mode & S_IFMT == S_IFREG else { return nil }
        return (Int(info.st_size), Int64(info.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(info.st_mtim.tv_nsec))
    }

    static func isDirectory(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }

    /// Names in a directory, sorted; empty when it cannot be read.
    static func names(in directory: String) -> [String] { FileProvider(directory: directory).names }

    /// The last system call's failure as an error.
    static func error(_ what: String, _ path: String) -> HadalError {
        let number = errno
        let code: HadalError.Code = number == ENOENT ? .notFound : .io
        let hint: HadalError.Hint? =
            number == ENOSPC || number == EDQUOT ? ["the disk is full: free some space", .action(.resumePull)] : nil
        return HadalError(code, "\(what): \(String(cString: strerror(number)))", at: SourcePlace(path), hint: hint)
    }
}
