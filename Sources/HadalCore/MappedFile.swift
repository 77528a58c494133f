#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file mapped read-only into memory. The mapping lives as long as the object.
///
/// Thread safety: immutable after `init`; any thread may read.
/// A file truncated by another process while mapped raises SIGBUS on access, as with every mapping: do not do that.
package final class MappedFile: Sendable {
    package let path: String
    package let count: Int
    /// Open for reading as long as the object lives, so that plugins can read ranges themselves.
    package let descriptor: Int32
    private let base: UInt  // address; 0 for an empty file

    package convenience init(path: String) throws {
        let (descriptor, size) = try Self.open(path)
        guard let base = Self.map(descriptor, size) else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw HadalError(.io, "cannot map \(size) bytes: \(reason)", at: SourcePlace(path))
        }
        self.init(path, descriptor, size, base)
    }

    /// What opening a file came to.
    package enum Opening: Sendable {
        case mapped(MappedFile)
        /// Not mapped. The descriptor is the caller's.
        case tooLarge(descriptor: Int32, size: Int)
    }

    /// Opens a file, and maps it if it has no more than `most` bytes and the address space has room for it.
    package static func open(_ path: String, mappingAtMost most: Int) throws -> Opening {
        let (descriptor, size) = try open(path)
        guard size <= most, let base = map(descriptor, size) else { return .tooLarge(descriptor: descriptor, size: size) }
        return .mapped(MappedFile(path, descriptor, size, base))
    }

    private init(_ path: String, _ descriptor: Int32, _ size: Int, _ base: UInt) {
        (self.path, self.descriptor, count, self.base) = (path, descriptor, size, base)
    }

    private static func open(_ path: String) throws -> (descriptor: Int32, size: Int) {
        // Without O_NONBLOCK opening a FIFO waits for a writer; regular files do not notice it.
        #if canImport(Glibc)
            let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        #else
            let descriptor = Darwin.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        #endif
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw HadalError(errno == ENOENT ? .notFound : .io, "cannot open: \(reason)", at: SourcePlace(path))
        }
        var info = stat()
        guard fstat(descriptor, &info) == 0 else {
            close(descriptor)
            throw HadalError(.io, "cannot stat: \(String(cString: strerror(errno)))", at: SourcePlace(path))
        }
        guard info.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw HadalError(.io, "not a regular file", at: SourcePlace(path))
        }
        return (descriptor, Int(info.st_size))
    }

    /// The address of the mapping, 0 for an empty file; nil with errno set when it fails.
    private static func map(_ descriptor: Int32, _ size: Int) -> UInt? {
        guard size > 0 else { return 0 }
        guard let mapped = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0), mapped != MAP_FAILED else { return nil }
        #if os(Linux)
            // Where the file system has pages of 2 MiB, a missing one is read at once, and weights that are used in place need few translations.
            if size >= 2 << 20 { madvise(mapped, size, MADV_HUGEPAGE) }
        #endif
        return UInt(bitPattern: mapped)
    }

    deinit {
        if let pointer = UnsafeMutableRawPointer(bitPattern: base) { munmap(pointer, count) }
        close(descriptor)
    }

    /// All bytes of the file. Valid while the object lives.
    package var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: base), count: count)
    }

    /// Tells the kernel that a range will not be read again soon, so that its pages can be reused.
    package func discard(_ range: Range<Int>) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let lower = (range.lowerBound + page - 1) / page * page
        let upper = min(range.upperBound, count) / page * page
        guard upper > lower, let pointer = UnsafeMutableRawPointer(bitPattern: base + UInt(lower)) else { return }
        _ = madvise(pointer, upper - lower, MADV_DONTNEED)
    }
}
