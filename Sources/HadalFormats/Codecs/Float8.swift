/// float8 e4m3fn: sign, four exponent bits with bias 7, three mantissa bits; no infinity, 0x7F and 0xFF are NaN.
/// Source: Micikevicius et al., "FP8 Formats for Deep Learning", 2022.
enum Float8 {
    static let largest: Float = 448

    static func float(_ bits: UInt8) -> Float {
        let magnitude = bits & 0x7F
        let sign: Float = bits & 0x80 == 0 ? 1 : -1
        if magnitude == 0x7F { return Float(bitPattern: 0x7FC0_0000 | UInt32(bits & 0x80) << 24) }
        let (exponent, mantissa) = (UInt32(magnitude >> 3), UInt32(magnitude & 7))
        if exponent == 0 { return sign * Float(mantissa) * 0x1p-9 }
        return sign * Float(bitPattern: (exponent + 120) << 23 | mantissa << 20)
    }

    /// The values of all 256 bytes.
    static let table: [Float] = (0...255).map { float(UInt8($0)) }

    /// Rounds to nearest, ties to even. Too large, infinite or NaN becomes NaN, as the format has no infinity.
    static func bits(_ value: Float) -> UInt8 {
        let sign: UInt8 = value.sign == .minus ? 0x80 : 0
        let magnitude = abs(value)
        // Half-way between 448 and the 480 that the format does not have rounds to even, which is 448.
        guard magnitude <= 464 else { return sign | 0x7F }
        if magnitude < 0x1p-6 {  // a multiple of 2^-9; 8 of them are the smallest normal
            return sign | UInt8((magnitude * 0x1p9).rounded(.toNearestOrEven))
        }
        let pattern = magnitude.bitPattern
        let rounded = pattern + 0x0007_FFFF + ((pattern >> 20) & 1)
        // Exponent and mantissa together, rebased from bias 127 to bias 7.
        return sign | UInt8(min((rounded >> 20) - (120 << 3), 0x7E))
    }
}
