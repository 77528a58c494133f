import HadalCore

/// 256 elements in 8 sub-blocks of 32: half `d`, 16 bits of high scale bits, 4 bytes of low scale nibbles, 128 bytes of
/// nibbles. `x = (d * (scale - 32)) * levels[q]`, the table and each sub-block's layout as in IQ4_NL.
enum IQ4_XSBlock: QuantBlock {
    static var dtype: DType { .iq4_xs }

    static func decode(_ block: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) {
        let d = HalfFloat.load(block)
        let high = UInt16(block[2]) | UInt16(block[3]) << 8
        IQ4_NLBlock.levels.withUnsafeBufferPointer { levels in
            for sub in 0..<8 {
                let low4 = (block[4 + sub / 2] >> UInt8(sub % 2 * 4)) & 15
                let high2 = UInt8(truncatingIfNeeded: high >> UInt16(sub * 2)) & 3
                let scale = d * Float(Int32(low4 | high2 << 4) &- 32)
                let packed = block + (8 + sub * 16)
                for i in 0..<16 {
                    out[sub * 32 + i] = scale * levels[Int(packed[i] & 15)]
                    out[sub * 32 + i + 16] = scale * levels[Int(packed[i] >> 4)]
                }
            }
        }
    }
}

extension IQ4_XSBlock {
    static func encode(_ values: UnsafePointer<Float>, _ block: UnsafeMutablePointer<UInt8>) {
        let scales = (0..<8).map { ScaleSearch.table(values + $0 * 32, 32, IQ4_NLBlock.table) }
        let packed = KLayout.quantise(scales, n: 32)
        HalfFloat.store(packed.d, block)
        for i in 2..<8 { block[i] = 0 }
        for sub in 0..<8 {
            let stored = UInt8(truncatingIfNeeded: packed.scales[sub] + 32)
            block[4 + sub / 2] |= (stored & 15) << UInt8(sub % 2 * 4)
            block[2 + sub / 4] |= (stored >> 4) << UInt8(sub % 4 * 2)
            IQ4_NLBlock.pack(values + sub * 32, inverse: packed.inverse(sub), block + (8 + sub * 16))
        }
    }
}
