/// The numbers between two bounds, of which some divisors divide each and others divide none.
struct NumberInterval: Hashable, Sendable {
    /// nil is unbounded.
    var lower: DecimalNumber?
    var upper: DecimalNumber?
    var lowerIsOpen = false
    var upperIsOpen = false
    var divisors: Set<Divisor> = []
    var nonDivisors: Set<Divisor> = []

    static let all = NumberInterval()

    init(lower: DecimalNumber? = nil, lowerIsOpen: Bool = false, upper: DecimalNumber? = nil, upperIsOpen: Bool = false) {
        self.lower = lower
        self.upper = upper
        self.lowerIsOpen = lowerIsOpen
        self.upperIsOpen = upperIsOpen
    }

    func intersection(_ other: NumberInterval) -> NumberInterval {
        var result = self
        if let bound = other.lower {
            if let mine = lower, mine >= bound {
                if mine == bound { result.lowerIsOpen = lowerIsOpen || other.lowerIsOpen }
            } else {
                result.lower = bound
                result.lowerIsOpen = other.lowerIsOpen
            }
        }
        if let bound = other.upper {
            if let mine = upper, mine <= bound {
                if mine == bound { result.upperIsOpen = upperIsOpen || other.upperIsOpen }
            } else {
                result.upper = bound
                result.upperIsOpen = other.upperIsOpen
            }
        }
        if !other.divisors.isEmpty { result.divisors.formUnion(other.divisors) }
        if !other.nonDivisors.isEmpty { result.nonDivisors.formUnion(other.nonDivisors) }
        return result
    }

    /// The numbers that are not in the interval, as disjoint intervals.
    var complement: [NumberInterval] {
        var parts: [NumberInterval] = []
        if let lower { parts.append(NumberInterval(upper: lower, upperIsOpen: !lowerIsOpen)) }
        if let upper { parts.append(NumberInterval(lower: upper, lowerIsOpen: !upperIsOpen)) }
        var inside = self
        inside.divisors = []
        inside.nonDivisors = []
        for divisor in divisors {
            var part = inside
            part.nonDivisors = [divisor]
            parts.append(part)
        }
        for divisor in nonDivisors {
            var part = inside
            part.divisors = [divisor]
            parts.append(part)
        }
        return parts
    }

    /// The same integers, between closed integer bounds.
    var ofIntegers: NumberInterval {
        guard lower != nil || upper != nil else { return self }
        var result = self
        if let lower {
            result.lower = lower.isInteger ? (lowerIsOpen ? lower.successor : lower) : lower.ceiling
            result.lowerIsOpen = false
        }
        if let upper {
            result.upper = upper.isInteger ? (upperIsOpen ? upper.predecessor : upper) : upper.floor
            result.upperIsOpen = false
        }
        return result
    }

    /// Whether the bounds leave nothing between them.
    var isEmpty: Bool {
        guard let lower, let upper else { return !divisors.isDisjoint(with: nonDivisors) }
        return lower > upper || (lower == upper && (lowerIsOpen || upperIsOpen)) || !divisors.isDisjoint(with: nonDivisors)
    }

    /// Whether nothing but an integer lies between the bounds.
    var hasNoFraction: Bool {
        if isEmpty || divisors.contains(where: { $0.places == 0 }) { return true }
        if let lower, let upper { return lower == upper && lower.isInteger }
        return false
    }

    func contains(_ number: DecimalNumber) -> Bool {
        if let lower, number < lower || (lowerIsOpen && number == lower) { return false }
        if let upper, number > upper || (upperIsOpen && number == upper) { return false }
        return divisors.allSatisfy { number.isMultiple(of: $0) } && !nonDivisors.contains { number.isMultiple(of: $0) }
    }
}
