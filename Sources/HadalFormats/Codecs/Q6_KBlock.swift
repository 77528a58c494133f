import HadalCore

/// 256 elements in 16 sub-blocks of 16: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed 8-bit scales,
/// half `d`. `x = (d * scale) * (q - 32)` with `q` of 6 bits.
///
/// Of each half of 128 elements, element `32 g + i` has its low nibble in byte `64 half + 32 (g % 2) + i` (low nibble for
/// `g < 2`) and its high bits at bits `2 g` of byte `32 half + i`.
enum Q6_KBlock: QuantBlock {
    static var dtype: DType { .q6_K }

    static func decode(_ block: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) {
        let d = HalfFloat.load(block + 208)
        for sub in 0..<16 {
            let scale = d * Float(Int32(Int8(bitPattern: block[192 + sub])))
            let (half, group, first) = (sub / 8, sub % 8 / 2, sub % 2 * 16)
            let low = block + (half * 64 + group % 2 * 32 + first)
            let lowShift = UInt8(group / 2 * 4)
            let high = block + (128 + half * 32 + first)
            let highShift = UInt8(group * 2)
            for i in 0..<16 {
                let q = Int32((low[i] >> lowShift) & 15) | Int32((high[i] >> highShift) & 3) << 4
                out[sub * 16 + i] = scale * Float(q &- 32)
            }
        }
    }
}

extension Q6_KBlock {
    static func encode(_ values: UnsafePointer<Float>, _ block: UnsafeMutablePointer<UInt8>) {
        let scales = (0..<16).map { ScaleSearch.symmetric(values + $0 * 16, 16, n: 32) }
        let packed = KLayout.quantise(scales, n: 128)
        for i in 0..<192 { block[i] = 0 }
        HalfFloat.store(packed.d, block + 208)
        for sub in 0..<16 {
            block[192 + sub] = UInt8(bitPattern: Int8(truncatingIfNeeded: packed.scales[sub]))
            let (half, group, first) = (sub / 8, sub % 8 / 2, sub % 2 * 16)
            let low = block + (half * 64 + group % 2 * 32 + first)
            let high = block + (128 + half * 32 + first)
            let inverse = packed.inverse(sub)
            for i in 0..<16 {
                let q = UInt8(Rounding.nearest(values[sub * 16 + i] * inverse, -32, 31) + 32)
                low[i] |= (q & 15) << UInt8(group / 2 * 4)
                high[i] |= (q >> 4) << UInt8(group * 2)
            }
        }
    }
}
