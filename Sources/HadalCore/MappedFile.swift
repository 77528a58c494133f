#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A file mapped read-only into memory. The mapping lives as long as the object.
///
/// Thread safety: immutable after `init`; any thread may read.
/// A file truncated by another process while mapped raises SIGBUS on access, as with every mapping: do not do that.
public final class MappedFile: Sendable {
    public let path: String
    public let count: Int
    /// Open for reading as long as the object lives, so that plugins can read ranges themselves.
    public let descriptor: Int32
    private let base: UInt  // address; 0 for an empty file

    public init(path: String) throws {
        // Without O_NONBLOCK opening a FIFO waits for a writer; regular files do not notice it.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw HadalError(errno == ENOENT ? .notFound : .io, "cannot open: \(reason)", at: Place(path))
        }
        var info = stat()
        guard fstat(descriptor, &info) == 0 else {
            close(descriptor)
            throw HadalError(.io, "cannot stat: \(String(cString: strerror(errno)))", at: Place(path))
        }
        guard info.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw HadalError(.io, "not a regular file", at: Place(path))
        }
        let size = Int(info.st_size)
        var address: UInt = 0
        if size > 0 {
            guard let mapped = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0), mapped != MAP_FAILED else {
                let reason = String(cString: strerror(errno))
                close(descriptor)
                throw HadalError(.io, "cannot map \(size) bytes: \(reason)", at: Place(path))
            }
            address = UInt(bitPattern: mapped)
        }
        self.path = path
        self.count = size
        self.descriptor = descriptor
        self.base = address
    }

    deinit {
        if let pointer = UnsafeMutableRawPointer(bitPattern: base) { munmap(pointer, count) }
        close(descriptor)
    }

    /// All bytes of the file. Valid while the object lives.
    public var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: base), count: count)
    }

    /// Tells the kernel that a range will not be read again soon, so that its pages can be reused.
    public func discard(_ range: Range<Int>) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let lower = (range.lowerBound + page - 1) / page * page
        let upper = min(range.upperBound, count) / page * page
        guard upper > lower, let pointer = UnsafeMutableRawPointer(bitPattern: base + UInt(lower)) else { return }
        _ = madvise(pointer, upper - lower, MADV_DONTNEED)
    }
}
