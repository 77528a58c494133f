/// An expression in a `RegexArena`: operands are indices of other nodes.
enum RegexNode: Hashable {
    case nothing
    case empty
    /// Index into the arena's sets.
    case set(Int32)
    case concatenation(Int32, Int32)
    /// Sorted, at least two, none of them a union.
    case union([Int32])
    /// Sorted, at least two, none of them an intersection.
    case intersection([Int32])
    case complement(Int32)
    /// A maximum of -1 is none.
    case repetition(Int32, minimum: Int32, maximum: Int32)
    /// The strings of `text` that are a `part` of a unit, or nothing where that is `empty`, and so many units behind it. All of its
    /// strings must be a `part` and units. A maximum of -1 is none.
    case counted(text: Int32, part: Int32, unit: Int32, minimum: Int32, maximum: Int32)
}

/// 128 bits that equal expressions share, whichever arena they lie in. The seeds differ from process to process, so that no input can be
/// made to collide.
struct RegexFingerprint: Hashable, Sendable {
    var low: UInt64
    var high: UInt64

    private static let seeds: (UInt64, UInt64, UInt64, UInt64) = {
        var random = SystemRandomNumberGenerator()
        return (random.next() | 1, random.next() | 1, random.next() | 1, random.next() | 1)
    }()

    init(_ kind: UInt64) {
        low = kind
        high = ~kind
        combine(kind)
    }

    mutating func combine(_ value: UInt64) {
        let seeds = RegexFingerprint.seeds
        low = RegexFingerprint.mix(low ^ seeds.0, value ^ seeds.1)
        high = RegexFingerprint.mix(high ^ seeds.2, value &+ seeds.3) &+ low
    }

    mutating func combine(_ other: RegexFingerprint) {
        combine(other.low)
        combine(other.high)
    }

    /// In any order.
    mutating func add(_ other: RegexFingerprint) {
        var mixed = RegexFingerprint(17)
        mixed.combine(other)
        low &+= mixed.low
        high &+= mixed.high
    }

    private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low ^ (a >> 31)
    }
}
