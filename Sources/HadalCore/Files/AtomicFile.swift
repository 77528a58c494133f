#if canImport(Glibc)
    package import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file written under a temporary name in its own directory and renamed when it is complete.
///
/// A reader sees the old file or the new one, never half of one. Dropped without `commit`, it leaves nothing behind.
/// A device or pipe is written as it is, since a rename would put a regular file in its place; a link is followed.
package final class AtomicFile {
    private static let bufferSize = 1 << 20

    package let path: String
    /// The name until `commit`; nil when the bytes go straight to what is there.
    private let temporary: String?
    private let isDurable: Bool
    private var descriptor: Int32
    private var buffer: [UInt8] = []
    /// Bytes written so far, buffered ones included.
    package private(set) var count = 0

    /// - Parameters:
    ///   - mode: who may read and write a new file, less what the process's mask takes away.
    ///   - ignoringMask: nothing is taken away.
    ///   - durable: whether `commit` waits until the bytes are on the disk, so that a machine that fails then leaves the old file or the new one.
    /// - Throws: `io`, with what the system says.
    package init(path: String, mode: mode_t = 0o644, ignoringMask: Bool = false, durable: Bool = true) throws {
        isDurable = durable
        var info = stat()
        let exists = stat(path, &info) == 0
        if exists, info.st_mode & S_IFMT == S_IFDIR {
            throw HadalError(.io, "cannot create: a directory has this name", at: SourcePlace(path))
        }
        if exists, info.st_mode & S_IFMT != S_IFREG {
            self.path = path
            temporary = nil
            descriptor = open(path, O_WRONLY | O_CLOEXEC)
        } else {
            self.path = exists ? Self.target(of: path) : path
            var generator = SystemRandomNumberGenerator()
            let name = "\(self.path).\(getpid())-\(String(generator.next(), radix: 36)).part"
            temporary = name
            descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
            if ignoringMask, descriptor >= 0 { fchmod(descriptor, mode) }
        }
        guard descriptor >= 0 else { throw Self.failure("cannot create", path) }
    }

    deinit { abandon() }

    private func abandon() {
        guard descriptor >= 0 else { return }
        close(descriptor)
        descriptor = -1
        if let temporary { unlink(temporary) }
    }

    /// The file that a path leads to through links; the path itself where that is not known.
    private static func target(of path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        count += bytes.count
        if buffer.count + bytes.count <= Self.bufferSize {
            buffer.append(contentsOf: bytes)
        } else {
            try flush()
            try writeAll(bytes)
        }
    }

    package func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    /// Writes zeros up to the next multiple of `alignment`.
    package func pad(to alignment: Int) throws {
        let rest = count % alignment
        if rest != 0 { try write([UInt8](repeating: 0, count: alignment - rest)) }
    }

    /// Gives the file its name.
    package func commit() throws {
        try flush()
        // Devices and pipes have nothing to make durable, and refuse.
        guard !isDurable || temporary == nil || fsync(descriptor) == 0 else { throw Self.failure("cannot write", path) }
        let closed = close(descriptor)
        descriptor = -1
        guard closed == 0, temporary.map({ rename($0, path) == 0 }) ?? true else {
            let error = Self.failure("cannot finish", path)
            if let temporary { unlink(temporary) }
            throw error
        }
    }

    private func flush() throws {
        try buffer.withUnsafeBytes { try writeAll($0) }
        buffer.removeAll(keepingCapacity: true)
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer) throws {
        guard SystemIO.write(bytes, to: descriptor) else { throw Self.failure("cannot write", path) }
    }

    private static func failure(_ what: String, _ path: String) -> HadalError {
        HadalError(.io, "\(what): \(String(cString: strerror(errno)))", at: SourcePlace(path))
    }
}
