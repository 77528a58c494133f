/// The second level of K-quants: the sub-blocks' own scales, quantised against one half-precision scale.
extension KLayout {
    /// Unsigned scales and minimums. Levels are then chosen for what is stored, not for what was wanted.
    struct Affine {
        let d: Float
        let dmin: Float
        let scales: [UInt8]
        let minimums: [UInt8]

        /// What takes a value to its level: `(x + minimum) * inverse`.
        func inverse(_ sub: Int) -> (inverse: Float, minimum: Float) {
            let scale = d * Float(scales[sub])
            return (scale == 0 ? 0 : 1 / scale, dmin * Float(minimums[sub]))
        }
    }

    /// Signed scales.
    struct Signed {
        let d: Float
        let scales: [Int]

        func inverse(_ sub: Int) -> Float {
            let scale = d * Float(scales[sub])
            return scale == 0 ? 0 : 1 / scale
        }
    }

    static func quantise(_ fits: [(scale: Float, minimum: Float)], most: Float) -> Affine {
        func shared(_ values: [Float]) -> (Float, [UInt8]) {
            let d = HalfFloat.float(HalfFloat.bits((values.max() ?? 0) / most))
            return (d, values.map { d == 0 ? 0 : Rounding.nearestLevel($0 / d, most) })
        }
        let (d, scales) = shared(fits.map(\.scale))
        let (dmin, minimums) = shared(fits.map(\.minimum))
        return Affine(d: d, dmin: dmin, scales: scales, minimums: minimums)
    }

    /// Scales in `-n ... n - 1`; the largest becomes `-n`.
    static func quantise(_ scales: [Float], n: Float) -> Signed {
        let peak = scales.max { abs($0) < abs($1) } ?? 0
        let d = HalfFloat.float(HalfFloat.bits(peak / -n))
        return Signed(d: d, scales: scales.map { d == 0 ? 0 : Int(Rounding.nearest($0 / d, -n, n - 1)) })
    }
}
