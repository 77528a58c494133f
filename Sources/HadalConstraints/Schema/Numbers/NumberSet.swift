/// A set of JSON numbers, in three parts that are never mixed.
///
/// Draft 4 tells `1` from `1.0`, later drafts do not: whole numbers are kept by how they are written.
struct NumberSet: Hashable, Sendable {
    /// Whole numbers that are written without fraction or exponent.
    var plain: [NumberInterval]
    /// Whole numbers that are written with a fraction or an exponent.
    var pointed: [NumberInterval]
    /// Numbers that are not whole.
    var fractional: [NumberInterval]

    static let all = NumberSet(plain: [.all], pointed: [.all], fractional: [.all])
    static let none = NumberSet(plain: [], pointed: [], fractional: [])
    static let integers = NumberSet(plain: [.all], pointed: [.all], fractional: [])
    static let plainIntegers = NumberSet(plain: [.all], pointed: [], fractional: [])

    init(plain: [NumberInterval], pointed: [NumberInterval], fractional: [NumberInterval]) {
        self.plain = plain
        self.pointed = pointed
        self.fractional = fractional
    }

    init(_ interval: NumberInterval) {
        let whole = interval.ofIntegers
        plain = whole.isEmpty ? [] : [whole]
        pointed = plain
        fractional = interval.hasNoFraction ? [] : [interval]
    }

    init(_ number: DecimalNumber) { self.init(NumberInterval(lower: number, upper: number)) }

    var isEmpty: Bool { plain.isEmpty && pointed.isEmpty && fractional.isEmpty }

    func union(_ other: NumberSet) -> NumberSet {
        NumberSet(
            plain: Self.union(plain, other.plain), pointed: Self.union(pointed, other.pointed),
            fractional: Self.union(fractional, other.fractional))
    }

    func intersection(_ other: NumberSet) -> NumberSet {
        if self == .all { return other }
        if other == .all { return self }
        return NumberSet(
            plain: Self.intersect(plain, other.plain, isWhole: true), pointed: Self.intersect(pointed, other.pointed, isWhole: true),
            fractional: Self.intersect(fractional, other.fractional, isWhole: false))
    }

    var complement: NumberSet {
        NumberSet(
            plain: Self.complement(plain, isWhole: true), pointed: Self.complement(pointed, isWhole: true),
            fractional: Self.complement(fractional, isWhole: false))
    }

    /// How many intervals a set may have: enumerations of numbers, complemented again and again, would grow without end.
    static let maximumIntervals = 20_000
    /// And how many pairs of them are compared.
    private static let maximumPairs = 4_000_000
    /// What stands for a list that would take more.
    private static let tooMany = [NumberInterval](repeating: .all, count: maximumIntervals + 1)

    var intervalCount: Int { plain.count + pointed.count + fractional.count }

    private static func union(_ a: [NumberInterval], _ b: [NumberInterval]) -> [NumberInterval] {
        if a.isEmpty || b == [.all] { return b }
        if b.isEmpty || a == [.all] { return a }
        let known = Set(a)
        return a + b.filter { !known.contains($0) }
    }

    private static func intersect(_ a: [NumberInterval], _ b: [NumberInterval], isWhole: Bool) -> [NumberInterval] {
        if a.isEmpty || b.isEmpty { return [] }
        guard a.count * b.count <= maximumPairs else { return tooMany }
        var result: [NumberInterval] = []
        for x in a {
            for y in b {
                let both = isWhole ? x.intersection(y).ofIntegers : x.intersection(y)
                if !(isWhole ? both.isEmpty : both.hasNoFraction) { result.append(both) }
                if result.count > maximumIntervals { return result }
            }
        }
        return result
    }

    private static func complement(_ intervals: [NumberInterval], isWhole: Bool) -> [NumberInterval] {
        guard intervals.count * intervals.count <= maximumPairs else { return tooMany }
        var result = [NumberInterval.all]
        for interval in intervals {
            result = intersect(result, interval.complement, isWhole: isWhole)
            if result.count > maximumIntervals { return result }
        }
        return result
    }
}
