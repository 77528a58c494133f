import HadalCore

/// The draws that the conformance kit makes its operands from.
extension SplitMix64 {
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(bound, 1))) }

    /// Uniform in [0, 1).
    mutating func unit() -> Float { Float(next() >> 40) * 0x1p-24 }

    /// Mean 0, variance 1, no tails beyond 4.2: the sum of 6 uniform numbers.
    mutating func normal() -> Float {
        var sum: Float = -3
        for _ in 0..<6 { sum += unit() }
        return sum * 1.4142135
    }

    mutating func shuffled<T>(_ items: [T]) -> [T] {
        var items = items
        var i = items.count
        while i > 1 {
            items.swapAt(i - 1, below(i))
            i -= 1
        }
        return items
    }
}
