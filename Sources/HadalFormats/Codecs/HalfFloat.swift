/// IEEE 754 binary16 by its bits.
///
/// Written out rather than left to `Float16`, whose conversions are library calls on x86-64 without F16C and which older
/// Apple platforms lack. Results equal hardware conversion; a NaN keeps the upper bits of its payload.
enum HalfFloat {
    @inline(__always)
    static func float(_ bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let magnitude = UInt32(bits & 0x7FFF)
        // Subnormals by integer conversion, which no flush-to-zero mode can touch.
        let subnormal = (Float(magnitude) * 0x1p-24).bitPattern
        let normal = (magnitude << 13) &+ (112 << 23)
        let special = (magnitude << 13) | 0x7F80_0000
        let value = magnitude < 0x0400 ? subnormal : magnitude < 0x7C00 ? normal : special
        return Float(bitPattern: value | sign)
    }

    /// The half at a possibly unaligned address.
    @inline(__always)
    static func load(_ at: UnsafePointer<UInt8>) -> Float { float(UInt16(at[0]) | UInt16(at[1]) << 8) }

    /// Rounds to nearest, ties to even; too large becomes infinity.
    @inline(__always)
    static func bits(_ value: Float) -> UInt16 {
        let pattern = value.bitPattern
        let sign = UInt16(truncatingIfNeeded: pattern >> 16) & 0x8000
        let magnitude = pattern & 0x7FFF_FFFF
        if magnitude > 0x7F80_0000 {  // NaN, made quiet
            return sign | 0x7E00 | UInt16(truncatingIfNeeded: magnitude >> 13) & 0x03FF
        }
        if magnitude >= 0x477F_F000 { return sign | 0x7C00 }  // 65520 and up round to infinity
        if magnitude < 0x3880_0000 {  // below 2^-14: a multiple of 2^-24
            guard magnitude >= 0x3300_0000 else { return sign }  // at most 2^-25 rounds to zero, below
            let shift = 126 - (magnitude >> 23)  // 14 ... 24
            let mantissa = (magnitude & 0x007F_FFFF) | 0x0080_0000
            let half = mantissa >> shift
            let rest = mantissa & ((1 << shift) - 1)
            let tie: UInt32 = 1 << (shift - 1)
            let up: UInt32 = rest > tie || (rest == tie && half & 1 == 1) ? 1 : 0
            return sign | UInt16(truncatingIfNeeded: half + up)
        }
        let rebased = magnitude - (112 << 23)
        let rounded = rebased + 0x0FFF + ((rebased >> 13) & 1)
        return sign | UInt16(truncatingIfNeeded: rounded >> 13)
    }

    @inline(__always)
    static func store(_ value: Float, _ at: UnsafeMutablePointer<UInt8>) {
        let half = bits(value)
        at[0] = UInt8(truncatingIfNeeded: half)
        at[1] = UInt8(truncatingIfNeeded: half >> 8)
    }
}
