import HadalCore
#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A file written under a temporary name in its own directory and renamed when it is complete.
///
/// A reader sees the old file or the new one, never half of one. Dropped without `commit`, it leaves nothing behind.
final class AtomicFile {
    static let bufferSize = 1 << 20

    let path: String
    private let temporary: String
    private var descriptor: Int32
    private var buffer: [UInt8] = []
    /// Bytes written so far, buffered ones included.
    private(set) var count = 0

    init(path: String) throws {
        self.path = path
        var generator = SystemRandomNumberGenerator()
        temporary = "\(path).\(getpid())-\(String(generator.next(), radix: 36)).part"
        descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.failure("cannot create", path) }
        buffer.reserveCapacity(Self.bufferSize)
    }

    deinit { abandon() }

    private func abandon() {
        guard descriptor >= 0 else { return }
        close(descriptor)
        descriptor = -1
        unlink(temporary)
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        count += bytes.count
        if buffer.count + bytes.count <= Self.bufferSize {
            buffer.append(contentsOf: bytes)
        } else {
            try flush()
            try writeAll(bytes)
        }
    }

    func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    /// Writes zeros up to the next multiple of `alignment`.
    func pad(to alignment: Int) throws {
        let rest = count % alignment
        if rest != 0 { try write([UInt8](repeating: 0, count: alignment - rest)) }
    }

    /// Makes the file durable and gives it its name.
    func commit() throws {
        try flush()
        guard fsync(descriptor) == 0 else { throw Self.failure("cannot write", path) }
        let closed = close(descriptor)
        descriptor = -1
        guard closed == 0, rename(temporary, path) == 0 else {
            let error = Self.failure("cannot finish", path)
            unlink(temporary)
            throw error
        }
    }

    private func flush() throws {
        try buffer.withUnsafeBytes { try writeAll($0) }
        buffer.removeAll(keepingCapacity: true)
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer) throws {
        var done = 0
        while done < bytes.count, let base = bytes.baseAddress {
            let written = Self.systemWrite(descriptor, base + done, bytes.count - done)
            if written < 0 {
                if errno == EINTR { continue }
                throw Self.failure("cannot write", path)
            }
            done += written
        }
    }

    private static func systemWrite(_ descriptor: Int32, _ base: UnsafeRawPointer, _ count: Int) -> Int {
        #if canImport(Glibc)
        Glibc.write(descriptor, base, count)
        #else
        Darwin.write(descriptor, base, count)
        #endif
    }

    private static func failure(_ what: String, _ path: String) -> HadalError {
        HadalError(.io, "\(what): \(String(cString: strerror(errno)))", at: Place(path))
    }
}
