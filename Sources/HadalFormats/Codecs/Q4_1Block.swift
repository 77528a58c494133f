import HadalCore

/// 32 elements: half scale `d`, half minimum `m`, 16 bytes of nibbles laid out as in Q4_0. `x = d * q + m`.
enum Q4_1Block: QuantBlock {
    static var dtype: DType { .q4_1 }

    static func decode(_ block: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) {
        let d = HalfFloat.load(block)
        let m = HalfFloat.load(block + 2)
        for i in 0..<16 {
            let byte = Int32(block[4 + i])
            out[i] = d * Float(byte & 15) + m
            out[i + 16] = d * Float(byte >> 4) + m
        }
    }

    static func encode(_ values: UnsafePointer<Float>, _ block: UnsafeMutablePointer<UInt8>) {
        let (low, high) = Rounding.bounds(values, 32)
        let d = (high - low) / 15
        let inverse = d == 0 ? 0 : 1 / d
        HalfFloat.store(d, block)
        HalfFloat.store(low, block + 2)
        for i in 0..<16 {
            let first = Rounding.level((values[i] - low) * inverse + 0.5, maximum: 15)
            let second = Rounding.level((values[i + 16] - low) * inverse + 0.5, maximum: 15)
            block[4 + i] = first | second << 4
        }
    }
}
