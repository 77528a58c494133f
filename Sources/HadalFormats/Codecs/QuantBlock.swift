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
