import HadalCore

/// 256 elements in 16 sub-blocks of 16: 32 bytes of high bits, 64 bytes of low 2-bit levels (as in Q2_K), 12 bytes of
/// 6-bit scales, half `d`. `x = (d * (scale - 32)) * (q - 4)` with `q` of 3 bits.
///
/// Bit `e / 32` of high byte `e % 32` belongs to element `e`. Scale `s` has its low four bits in a nibble of byte `s % 8`
/// and its high two at bits `2 (s / 4)` of byte `8 + s % 4`.
enum Q3_KBlock: QuantBlock {
    static var dtype: DType { .q3_K }

    static func decode(_ block: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) {
        let d = HalfFloat.load(block + 108)
        for sub in 0..<16 {
            let low = (block[96 + sub % 8] >> UInt8(sub / 8 * 4)) & 15
            let high = (block[104 + sub % 4] >> UInt8(sub / 4 * 2)) & 3
            let scale = d * Float(Int32(low | high << 4) &- 32)
            let (levels, shift) = KLayout.levels2(block + 32, sub)
            let highBits = block + sub % 2 * 16
            let plane = UInt8(sub / 2)
            for i in 0..<16 {
                let high = Int32((highBits[i] >> plane) & 1) << 2
                out[sub * 16 + i] = scale * Float((Int32(levels[i] >> shift) & 3 | high) &- 4)
            }
        }
    }
}

extension Q3_KBlock {
    static func encode(_ values: UnsafePointer<Float>, _ block: UnsafeMutablePointer<UInt8>) {
        let scales = (0..<16).map { ScaleSearch.symmetric(values + $0 * 16, 16, n: 4) }
        let packed = KLayout.quantise(scales, n: 32)
        for i in 0..<108 { block[i] = 0 }
        HalfFloat.store(packed.d, block + 108)
        for sub in 0..<16 {
            let stored = UInt8(truncatingIfNeeded: packed.scales[sub] + 32)
            block[96 + sub % 8] |= (stored & 15) << UInt8(sub / 8 * 4)
            block[104 + sub % 4] |= (stored >> 4) << UInt8(sub / 4 * 2)
            let (levels, shift) = KLayout.levels2(block + 32, sub)
            let target = UnsafeMutablePointer(mutating: levels)
            let highBits = block + sub % 2 * 16
            let inverse = packed.inverse(sub)
            for i in 0..<16 {
                let q = UInt8(Rounding.nearest(values[sub * 16 + i] * inverse, -4, 3) + 4)
                target[i] |= (q & 3) << shift
                highBits[i] |= (q >> 2) << UInt8(sub / 2)
            }
        }
    }
}
