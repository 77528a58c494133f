/// A small generator with the same sequence on every machine. Source: Steele, Lea and Flood 2014.
struct SplitMix64 {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// The generator of one tensor: independent of the order in which tensors are written.
    init(seed: UInt64, name: String) {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        var mixer = SplitMix64(seed: seed)
        state = mixer.next() ^ hash
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
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
