/// SplitMix64: the same numbers on every machine, so that a case can be replayed from its seed.
struct ConformanceRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// A seed of its own for a case, so that one case does not depend on which others ran.
    init(seed: UInt64, label: String) {
        // FNV-1a
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in label.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        state = seed ^ hash
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

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
