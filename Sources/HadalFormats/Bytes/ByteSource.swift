import HadalCore

/// The bytes of one model file: a read-only mapping, or memory that this object owns.
///
/// Thread safety: immutable after `init`; any thread may read. Pointers handed out are valid while the object lives.
public final class ByteSource: Sendable {
    /// The file's path, or the name that errors give to bytes in memory.
    public let name: String
    public let count: Int
    private let mapping: MappedFile?
    private let address: UInt  // 0 when empty
    private static let memoryAlignment = 64

    /// Maps a file. Reads none of it.
    public init(path: String) throws {
        let mapped = try MappedFile(path: path)
        name = path
        count = mapped.count
        mapping = mapped
        address = UInt(bitPattern: mapped.bytes.baseAddress)
    }

    /// Copies bytes into memory of its own, 64-byte aligned.
    public init(bytes: [UInt8], name: String) {
        self.name = name
        count = bytes.count
        mapping = nil
        if bytes.isEmpty {
            address = 0
        } else {
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: Self.memoryAlignment)
            memory.copyBytes(from: bytes)
            address = UInt(bitPattern: memory.baseAddress)
        }
    }

    deinit {
        if mapping == nil { UnsafeMutableRawPointer(bitPattern: address)?.deallocate() }
    }

    public var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: count)
    }

    /// An open descriptor of the file, valid while the object lives; nil for bytes in memory.
    public var descriptor: Int32? { mapping?.descriptor }

    /// Tells the system that a range will not be read again soon. Does nothing for bytes in memory.
    public func discard(_ range: Range<Int>) { mapping?.discard(range) }
}
