import HadalCore

extension SplitMix64 {
    /// Uniform in a range.
    mutating func number(in range: Range<Float>) -> Float {
        range.lowerBound + (range.upperBound - range.lowerBound) * Float(next() >> 40) / 16_777_216
    }

    /// Nearly normal, mean 0, variance 1: a sum of twelve uniform numbers, which uses no function whose last bit varies.
    mutating func normal() -> Float {
        var sum: Int64 = 0
        for _ in 0..<6 {
            let bits = next()
            sum += Int64(bits & 0xFFFF_FFFF) + Int64(bits >> 32)
        }
        return Float(Double(sum) / 4_294_967_296 - 6)
    }
}
