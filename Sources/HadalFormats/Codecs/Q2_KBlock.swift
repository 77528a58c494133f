import HadalCore

/// 256 elements in 16 sub-blocks of 16: 16 bytes of scale (low nibble) and minimum (high nibble), 64 bytes of 2-bit
/// levels, half `d`, half `dmin`. `x = (d * scale) * q - dmin * minimum`.
///
/// Byte `32 h + l` of the levels holds, from its low bits up, elements `128 h + l`, `+ 32`, `+ 64` and `+ 96`.
enum Q2_KBlock: QuantBlock {
    static var dtype: DType { .q2_K }

    static func decode(_ block: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) {
        let d = HalfFloat.load(block + 80)
        let dmin = HalfFloat.load(block + 82)
        for sub in 0..<16 {
            let scale = d * Float(Int32(block[sub] & 15))
            let minimum = dmin * Float(Int32(block[sub] >> 4))
            let (levels, shift) = KLayout.levels2(block + 16, sub)
            for i in 0..<16 {
                out[sub * 16 + i] = scale * Float(Int32(levels[i] >> shift) & 3) - minimum
            }
        }
    }
}

extension Q2_KBlock {
    static func encode(_ values: UnsafePointer<Float>, _ block: UnsafeMutablePointer<UInt8>) {
        let fits = (0..<16).map { ScaleSearch.affine(values + $0 * 16, 16, levels: 3) }
        let packed = KLayout.quantise(fits, most: 15)
        for sub in 0..<16 { block[sub] = packed.scales[sub] | packed.minimums[sub] << 4 }
        HalfFloat.store(packed.d, block + 80)
        HalfFloat.store(packed.dmin, block + 82)
        for i in 16..<80 { block[i] = 0 }
        for sub in 0..<16 {
            let (levels, shift) = KLayout.levels2(block + 16, sub)
            let target = UnsafeMutablePointer(mutating: levels)
            let (inverse, minimum) = packed.inverse(sub)
            for i in 0..<16 {
                target[i] |= Rounding.nearestLevel((values[sub * 16 + i] + minimum) * inverse, 3) << shift
            }
        }
    }
}
