import CHadalSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// An open file, read past the system's page cache where that is possible.
///
/// Thread safety: one thread at a time.
package final class DirectFile {
    private let descriptor: Int32
    private let isOwn: Bool
    private let buffer: UnsafeMutableRawBufferPointer
    private static let alignment = 4096

    /// Whether reads do pass the page cache by.
    package var isDirect: Bool { isOwn }

    /// - Parameters:
    ///   - descriptor: stays the caller's, and open as long as this object is used.
    ///   - most: bytes of the largest read.
    package init(descriptor: Int32, most: Int) {
        let own = hadal_system_open_direct(descriptor)
        isOwn = own >= 0
        self.descriptor = isOwn ? own : descriptor
        buffer = .allocate(byteCount: (max(most, 1) / Self.alignment + 3) * Self.alignment, alignment: Self.alignment)
    }

    deinit {
        if isOwn { close(descriptor) }
        buffer.deallocate()
    }

    /// Reads a range and throws the bytes away. Returns how many were read: all that were asked for and the buffer holds, or none.
    package func read(offset: Int, count: Int) -> Int {
        guard let base = buffer.baseAddress, offset >= 0, count > 0 else { return 0 }
        let skip = offset % Self.alignment
        let span = min((skip + count + Self.alignment - 1) / Self.alignment * Self.alignment, buffer.count)
        return SystemIO.read(descriptor, at: UInt64(offset - skip), into: base, count: span, needed: min(skip + count, span)) == .complete
            ? min(count, span - skip) : 0
    }
}
