import HadalCore

/// 32 elements: half scale `d`, half minimum `m`, 32 fifth bits, 16 bytes of nibbles laid out as in Q4_0.
/// `x = d * q + m`.
enum Q5_1Block: QuantBlock {
    static var dtype: DType { .q5_1 }

    static func decode(_ block: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) {
        let d = HalfFloat.load(block)
        let m = HalfFloat.load(block + 2)
        let fifth = FifthBits.load(block + 4)
        for i in 0..<16 {
            let byte = Int32(block[8 + i])
            let low = Int32(truncatingIfNeeded: (fifth >> UInt32(truncatingIfNeeded: i)) & 1) << 4
            let high = Int32(truncatingIfNeeded: (fifth >> UInt32(truncatingIfNeeded: i + 16)) & 1) << 4
            out[i] = d * Float(byte & 15 | low) + m
            out[i + 16] = d * Float(byte >> 4 | high) + m
        }
    }

    static func encode(_ values: UnsafePointer<Float>, _ block: UnsafeMutablePointer<UInt8>) {
        let (low, high) = Rounding.bounds(values, 32)
        let d = (high - low) / 31
        let inverse = d == 0 ? 0 : 1 / d
        HalfFloat.store(d, block)
        HalfFloat.store(low, block + 2)
        FifthBits.pack(block + 4, block + 8) { i in Rounding.level((values[i] - low) * inverse + 0.5, maximum: 31) }
    }
}
