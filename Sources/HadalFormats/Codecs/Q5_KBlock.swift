import HadalCore

/// 256 elements in 8 sub-blocks of 32: half `d`, half `dmin`, 12 bytes of 6-bit scales and minimums, 32 bytes of fifth
/// bits, 128 bytes of nibbles as in Q4_K. `x = (d * scale) * q - dmin * minimum`.
///
/// Bit `s` of fifth-bit byte `i` belongs to element `i` of sub-block `s`.
enum Q5_KBlock: QuantBlock {
    static var dtype: DType { .q5_K }

    static func decode(_ block: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) {
        let d = HalfFloat.load(block)
        let dmin = HalfFloat.load(block + 2)
        let fifth = block + 16
        for sub in 0..<8 {
            let packed = KLayout.scaleAndMinimum(block + 4, sub)
            let scale = d * Float(Int32(packed.scale))
            let minimum = dmin * Float(Int32(packed.minimum))
            let levels = block + (48 + sub / 2 * 32)
            let shift = UInt8(sub % 2 * 4)
            let plane = UInt8(sub)
            for i in 0..<32 {
                let q = Int32(levels[i] >> shift) & 15 | Int32((fifth[i] >> plane) & 1) << 4
                out[sub * 32 + i] = scale * Float(q) - minimum
            }
        }
    }
}

extension Q5_KBlock {
    static func encode(_ values: UnsafePointer<Float>, _ block: UnsafeMutablePointer<UInt8>) {
        let fits = (0..<8).map { ScaleSearch.affine(values + $0 * 32, 32, levels: 31) }
        let packed = KLayout.quantise(fits, most: 63)
        HalfFloat.store(packed.d, block)
        HalfFloat.store(packed.dmin, block + 2)
        KLayout.storeScalesAndMinimums(packed.scales, packed.minimums, block + 4)
        for i in 16..<176 { block[i] = 0 }
        for sub in 0..<8 {
            let target = block + (48 + sub / 2 * 32)
            let shift = UInt8(sub % 2 * 4)
            let (inverse, minimum) = packed.inverse(sub)
            for i in 0..<32 {
                let q = Rounding.nearestLevel((values[sub * 32 + i] + minimum) * inverse, 31)
                target[i] |= (q & 15) << shift
                block[16 + i] |= (q >> 4) << UInt8(sub)
            }
        }
    }
}
