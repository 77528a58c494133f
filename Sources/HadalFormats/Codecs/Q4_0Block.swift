import HadalCore

/// 32 elements: half scale `d`, 16 bytes of nibbles. Element `i < 16` is the low nibble of byte `i`, `i + 16` the high one.
/// `x = d * (q - 8)`.
enum Q4_0Block: QuantBlock {
    static var dtype: DType { .q4_0 }

    static func decode(_ block: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) {
        let d = HalfFloat.load(block)
        for i in 0..<16 {
            let byte = Int32(block[2 + i])
            out[i] = d * Float((byte & 15) &- 8)
            out[i + 16] = d * Float((byte >> 4) &- 8)
        }
    }

    static func encode(_ values: UnsafePointer<Float>, _ block: UnsafeMutablePointer<UInt8>) {
        let d = Rounding.signedPeak(values, 32) / -8
        let inverse = d == 0 ? 0 : 1 / d
        HalfFloat.store(d, block)
        for i in 0..<16 {
            let low = Rounding.level(values[i] * inverse + 8.5, maximum: 15)
            let high = Rounding.level(values[i + 16] * inverse + 8.5, maximum: 15)
            block[2 + i] = low | high << 4
        }
    }
}
