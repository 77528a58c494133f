import HadalCore

#if canImport(Glibc)
    import Glibc
#endif

/// The bytes of one model file: a read-only mapping, windows of it where the process's address space is limited, or memory that
/// this object owns.
///
/// Thread safety: immutable after `init`; any thread may read. Pointers handed out are valid while the object lives, those of windows
/// until they are discarded.
package final class ByteSource: Sendable {
    /// The file's path, or the name that errors give to bytes in memory.
    package let name: String
    package let count: Int
    private let mapping: MappedFile?
    private let windows: FileWindows?
    private let address: UInt  // 0 when empty
    private static let memoryAlignment = 64

    /// Maps a file. Reads none of it.
    package init(path: String) throws {
        name = path
        switch try MappedFile.open(path, mappingAtMost: Self.mappable) {
        case .mapped(let mapped):
            count = mapped.count
            mapping = mapped
            windows = nil
            address = UInt(bitPattern: mapped.bytes.baseAddress)
        case .tooLarge(let descriptor, let size):
            let opened = try FileWindows(path: path, descriptor: descriptor, count: size)
            count = size
            mapping = nil
            windows = opened
            address = UInt(bitPattern: opened.headBytes.baseAddress)
        }
    }

    /// Copies bytes into memory of its own, 64-byte aligned.
    package init(bytes: [UInt8], name: String) {
        self.name = name
        count = bytes.count
        mapping = nil
        windows = nil
        if bytes.isEmpty {
            address = 0
        } else {
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: Self.memoryAlignment)
            memory.copyBytes(from: bytes)
            address = UInt(bitPattern: memory.baseAddress)
        }
    }

    deinit {
        if mapping == nil, windows == nil { UnsafeMutableRawPointer(bitPattern: address)?.deallocate() }
    }

    /// Most bytes to map of one file: a quarter of a limited address space, so that there is room for what is made of them.
    private static let mappable: Int = {
        guard let limit = AddressSpace.limit else { return Int.max }
        return limit / 4
    }()

    /// All bytes, or the beginning of a file that is mapped in windows: enough for any header.
    package var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: windows?.head.count ?? count)
    }

    /// A range of the bytes.
    ///
    /// - Throws: `outOfMemory` where it has to be mapped and the address space is used up.
    package func bytes(in range: Range<Int>) throws -> UnsafeRawBufferPointer {
        if let windows { return try windows.bytes(range) }
        return UnsafeRawBufferPointer(rebasing: bytes[range])
    }

    /// A copy of a few bytes, for which nothing is mapped, nor paged in around them.
    package func copy(_ range: Range<Int>) -> [UInt8] {
        descriptor.map { FileWindows.copy(range, of: $0) } ?? withExtendedLifetime(self) { Array(bytes[range]) }
    }

    /// An open descriptor of the file, valid while the object lives; nil for bytes in memory.
    package var descriptor: Int32? { mapping?.descriptor ?? windows?.descriptor }

    /// Tells the system that a range will be read soon, so that it comes in one go and not page by page.
    package func expect(_ range: Range<Int>) {
        #if os(Linux)
            if let descriptor { posix_fadvise(descriptor, off_t(range.lowerBound), off_t(range.count), POSIX_FADV_WILLNEED) }
        #endif
    }

    /// Tells the system that a range will hardly be read again, so that its pages leave the process's memory. Pointers stay valid.
    package func release(_ range: Range<Int>) { mapping?.discard(range) }

    /// Tells the system that a range will not be read again soon. Ends the windows within it. Does nothing for bytes in memory.
    package func discard(_ range: Range<Int>) {
        mapping?.discard(range)
        windows?.discard(range)
    }
}
