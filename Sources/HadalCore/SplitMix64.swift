/// A small generator with the same sequence on every machine. Source: Steele, Lea and Flood 2014.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    /// A sequence of its own for a named thing, whatever else is drawn before it.
    package init(seed: UInt64, label: String) {
        var hash = FNV1a()
        hash.combine(label.utf8)
        state = seed ^ hash.value
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
