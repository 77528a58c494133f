import HadalCore

/// 32 elements: half scale `d`, 32 signed bytes. `x = q * d`.
enum Q8_0Block: QuantBlock {
    static var dtype: DType { .q8_0 }

    static func decode(_ block: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) {
        let d = HalfFloat.load(block)
        for i in 0..<32 { out[i] = Float(Int32(Int8(bitPattern: block[2 + i]))) * d }
    }

    static func encode(_ values: UnsafePointer<Float>, _ block: UnsafeMutablePointer<UInt8>) {
        let d = abs(Rounding.signedPeak(values, 32)) / 127
        let inverse = d == 0 ? 0 : 1 / d
        HalfFloat.store(d, block)
        for i in 0..<32 { block[2 + i] = UInt8(bitPattern: Rounding.nearestAway(values[i] * inverse)) }
    }
}
