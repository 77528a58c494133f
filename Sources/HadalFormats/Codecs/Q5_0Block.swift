import HadalCore

/// 32 elements: half scale `d`, 32 fifth bits (bit `i` of element `i`), 16 bytes of nibbles laid out as in Q4_0.
/// `x = d * (q - 16)`.
enum Q5_0Block: QuantBlock {
    static var dtype: DType { .q5_0 }

    static func decode(_ block: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) {
        let d = HalfFloat.load(block)
        let fifth = FifthBits.load(block + 2)
        for i in 0..<16 {
            let byte = Int32(block[6 + i])
            let low = Int32(truncatingIfNeeded: (fifth >> UInt32(truncatingIfNeeded: i)) & 1) << 4
            let high = Int32(truncatingIfNeeded: (fifth >> UInt32(truncatingIfNeeded: i + 16)) & 1) << 4
            out[i] = d * Float((byte & 15 | low) &- 16)
            out[i + 16] = d * Float((byte >> 4 | high) &- 16)
        }
    }

    static func encode(_ values: UnsafePointer<Float>, _ block: UnsafeMutablePointer<UInt8>) {
        let d = Rounding.signedPeak(values, 32) / -16
        let inverse = d == 0 ? 0 : 1 / d
        HalfFloat.store(d, block)
        FifthBits.pack(block + 2, block + 6) { i in Rounding.level(values[i] * inverse + 16.5, maximum: 31) }
    }
}
