import HadalCore

/// 256 elements in 8 sub-blocks of 32: half `d`, half `dmin`, 12 bytes of 6-bit scales and minimums, 128 bytes of nibbles.
/// `x = (d * scale) * q - dmin * minimum`.
///
/// Bytes `32 p ..< 32 p + 32` hold sub-block `2 p` in their low nibbles and `2 p + 1` in their high ones.
enum Q4_KBlock: QuantBlock {
    static var dtype: DType { .q4_K }

    static func decode(_ block: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) {
        let d = HalfFloat.load(block)
        let dmin = HalfFloat.load(block + 2)
        for sub in 0..<8 {
            let packed = KLayout.scaleAndMinimum(block + 4, sub)
            let scale = d * Float(Int32(packed.scale))
            let minimum = dmin * Float(Int32(packed.minimum))
            let levels = block + (16 + sub / 2 * 32)
            let shift = UInt8(sub % 2 * 4)
            for i in 0..<32 { out[sub * 32 + i] = scale * Float(Int32(levels[i] >> shift) & 15) - minimum }
        }
    }
}

extension Q4_KBlock {
    static func encode(_ values: UnsafePointer<Float>, _ block: UnsafeMutablePointer<UInt8>) {
        let fits = (0..<8).map { ScaleSearch.affine(values + $0 * 32, 32, levels: 15) }
        let packed = KLayout.quantise(fits, most: 63)
        HalfFloat.store(packed.d, block)
        HalfFloat.store(packed.dmin, block + 2)
        KLayout.storeScalesAndMinimums(packed.scales, packed.minimums, block + 4)
        for i in 16..<144 { block[i] = 0 }
        for sub in 0..<8 {
            let target = block + (16 + sub / 2 * 32)
            let shift = UInt8(sub % 2 * 4)
            let (inverse, minimum) = packed.inverse(sub)
            for i in 0..<32 {
                target[i] |= Rounding.nearestLevel((values[sub * 32 + i] + minimum) * inverse, 15) << shift
            }
        }
    }
}
