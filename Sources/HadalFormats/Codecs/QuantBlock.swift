import HadalCore

/// A block format: a fixed number of elements in a fixed number of bytes.
///
/// Decoding follows the float32 operations of the public `gguf` package in their order, so that results are equal bit for
/// bit. Swift never contracts a multiplication and an addition into one rounding.
protocol QuantBlock {
    static var dtype: DType { get }

    /// Decodes one block: `dtype.blockBytes` at `block` into `dtype.blockElements` at `out`.
    static func decode(_ block: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>)

    /// Encodes one block: `dtype.blockElements` at `values` into `dtype.blockBytes` at `block`.
    static func encode(_ values: UnsafePointer<Float>, _ block: UnsafeMutablePointer<UInt8>)
}

extension QuantBlock {
    /// `block` and `out` must hold `blocks` blocks.
    static func decodeBlocks(_ blocks: Int, _ block: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) {
        let (size, elements) = (dtype.blockBytes, dtype.blockElements)
        for i in 0..<blocks { decode(block + i * size, out + i * elements) }
    }

    static func encodeBlocks(_ blocks: Int, _ values: UnsafePointer<Float>, _ block: UnsafeMutablePointer<UInt8>) {
        let (size, elements) = (dtype.blockBytes, dtype.blockElements)
        for i in 0..<blocks { encode(values + i * elements, block + i * size) }
    }
}

/// The layout that Q5_0 and Q5_1 share: 32 fifth bits in a little-endian word, the other four as in Q4_0.
enum FifthBits {
    @inline(__always)
    static func load(_ at: UnsafePointer<UInt8>) -> UInt32 {
        UInt32(at[0]) | UInt32(at[1]) << 8 | UInt32(at[2]) << 16 | UInt32(at[3]) << 24
    }

    @inline(__always)
    static func pack(_ fifth: UnsafeMutablePointer<UInt8>, _ nibbles: UnsafeMutablePointer<UInt8>, _ level: (Int) -> UInt8) {
        var bits: UInt32 = 0
        for i in 0..<16 {
            let (low, high) = (level(i), level(i + 16))
            nibbles[i] = low & 15 | high << 4
            bits |= UInt32(low >> 4) << UInt32(i) | UInt32(high >> 4) << UInt32(i + 16)
        }
        for i in 0..<4 { fifth[i] = UInt8(truncatingIfNeeded: bits >> UInt32(8 * i)) }
    }
}
