#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Memory for C structs that point at each other: freed all at once with the object.
///
/// Thread safety: one thread at a time.
package final class ForeignArena {
    private var blocks: [UnsafeMutableRawPointer] = []

    package init() {}

    deinit { for block in blocks { block.deallocate() } }

    /// A copy of `values`, or nil when there are none.
    package func array<T: BitwiseCopyable>(_ values: [T]) -> UnsafeMutablePointer<T>? {
        guard !values.isEmpty else { return nil }
        let pointer = UnsafeMutablePointer<T>.allocate(capacity: values.count)
        pointer.initialize(from: values, count: values.count)
        blocks.append(UnsafeMutableRawPointer(pointer))
        return pointer
    }

    package func value<T: BitwiseCopyable>(_ value: T) -> UnsafeMutablePointer<T> {
        let pointer = UnsafeMutablePointer<T>.allocate(capacity: 1)
        pointer.initialize(to: value)
        blocks.append(UnsafeMutableRawPointer(pointer))
        return pointer
    }

    /// A copy ended by NUL.
    package func string(_ text: String) -> UnsafePointer<CChar> {
        let bytes = text.utf8CString
        let pointer = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        bytes.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { pointer.initialize(from: base, count: source.count) }
        }
        blocks.append(UnsafeMutableRawPointer(pointer))
        return UnsafePointer(pointer)
    }
}

/// A copy of a struct that another binary filled in: what lies beyond the `size` that it gave is zero, that is NULL.
///
/// Every field of the ABI's structs lies within one word of 8 bytes, so whole words are copied.
package func readPrefix<T: BitwiseCopyable>(of pointer: UnsafePointer<T>, size: UInt32, over zero: T) -> T {
    var copy = zero
    withUnsafeMutableBytes(of: &copy) { bytes in
        bytes.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: min(Int(size) & ~7, bytes.count)))
    }
    return copy
}

/// The string at a pointer from the other side, repaired where it is not UTF-8; nil for NULL.
package func foreignString(_ pointer: UnsafePointer<CChar>?) -> String? { pointer.map { String(cString: $0) } }
