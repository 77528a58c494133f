/// Regular expressions over decimal digits that compare.
enum DigitRegex {
    static let any: ByteRegex = .set(ByteSet(UInt8(ascii: "0")...UInt8(ascii: "9")))
    static let anyCount: ByteRegex = .repetition(any, minimum: 0, maximum: nil)
    static let anyCount1: ByteRegex = .repetition(any, minimum: 1, maximum: nil)
    static let zeros: ByteRegex = .repetition(digit(0, 0), minimum: 0, maximum: nil)

    static func digit(_ low: UInt8, _ high: UInt8) -> ByteRegex {
        low > high ? .nothing : .set(ByteSet(UInt8(ascii: "0") + low...UInt8(ascii: "0") + high))
    }

    static func literal(_ digits: some Sequence<UInt8>) -> ByteRegex { .bytes(digits.map { $0 + UInt8(ascii: "0") }) }

    static func union(_ members: [ByteRegex]) -> ByteRegex {
        let members = members.filter { $0 != .nothing }
        return members.isEmpty ? .nothing : members.count == 1 ? members[0] : .union(members)
    }

    private static func count(_ count: Int) -> ByteRegex { .repetition(any, minimum: count, maximum: count) }

    /// Non-negative integers without leading zeros, from `low` to `high`; nil is unbounded.
    static func integers(from low: [UInt8], to high: [UInt8]?) -> ByteRegex {
        guard let high else {
            let longer: ByteRegex = .concatenation([digit(1, 9), .repetition(any, minimum: low.count, maximum: nil)])
            if low == [0] { return .union([digit(0, 0), .concatenation([digit(1, 9), anyCount])]) }
            return .union([sameLength(low[...], Array(repeating: 9, count: low.count)[...]), longer])
        }
        if low.count > high.count { return .nothing }
        if low.count == high.count { return sameLength(low[...], high[...]) }
        var members = [sameLength(low[...], Array(repeating: 9, count: low.count)[...])]
        if high.count - low.count > 1 {
            members.append(.concatenation([digit(1, 9), .repetition(any, minimum: low.count, maximum: high.count - 2)]))
        }
        members.append(sameLength(([1] + Array(repeating: 0, count: high.count - 1))[...], high[...]))
        return union(members)
    }

    /// Digit strings of one length from `low` to `high`.
    private static func sameLength(_ low: ArraySlice<UInt8>, _ high: ArraySlice<UInt8>) -> ByteRegex {
        guard let a = low.first, let b = high.first else { return .empty }
        if low.lexicographicallyPrecedes(high) == false && low != high { return .nothing }
        let (restLow, restHigh) = (low.dropFirst(), high.dropFirst())
        if restLow.allSatisfy({ $0 == 0 }) && restHigh.allSatisfy({ $0 == 9 }) {
            return restLow.isEmpty ? digit(a, b) : .concatenation([digit(a, b), count(restLow.count)])
        }
        if a == b { return .concatenation([digit(a, a), sameLength(restLow, restHigh)]) }
        let lowest = Array(repeating: UInt8(0), count: restLow.count)[...]
        let highest = Array(repeating: UInt8(9), count: restLow.count)[...]
        var members: [ByteRegex] = [.concatenation([digit(a, a), sameLength(restLow, highest)])]
        if b - a > 1 { members.append(.concatenation([digit(a + 1, b - 1), count(restLow.count)])) }
        members.append(.concatenation([digit(b, b), sameLength(lowest, restHigh)]))
        return .union(members)
    }

    /// Digits after a point, at least one, that as a fraction are greater than `bound`, which ends with no zero; or equal.
    static func fractions(above bound: [UInt8], orEqual: Bool) -> ByteRegex {
        var members: [ByteRegex] = []
        for i in bound.indices where bound[i] < 9 {
            members.append(.concatenation([literal(bound[..<i]), digit(bound[i] + 1, 9), anyCount]))
        }
        members.append(.concatenation([literal(bound), zeros, digit(1, 9), anyCount]))
        if orEqual { members.append(equal(to: bound)) }
        return union(members)
    }

    /// Digits after a point, at least one, that as a fraction are less than `bound`; or equal.
    static func fractions(below bound: [UInt8], orEqual: Bool) -> ByteRegex {
        var members: [ByteRegex] = []
        for i in bound.indices {
            if bound[i] > 0 { members.append(.concatenation([literal(bound[..<i]), digit(0, bound[i] - 1), anyCount])) }
            if i > 0 { members.append(literal(bound[..<i])) }
        }
        if orEqual { members.append(equal(to: bound)) }
        return union(members)
    }

    private static func equal(to bound: [UInt8]) -> ByteRegex {
        bound.isEmpty ? .concatenation([digit(0, 0), zeros]) : .concatenation([literal(bound), zeros])
    }

    /// Digits after a point that are not all zeros.
    static let nonZeroFraction: ByteRegex = .concatenation([zeros, digit(1, 9), anyCount])

    /// A mantissa `d.ddd` with a first digit of 1 to 9, above or below `bound`, whose first digit stands before the point.
    static func mantissas(above bound: [UInt8], orEqual: Bool, fraction: ByteRegex) -> ByteRegex {
        let rest = Array(bound.dropFirst())
        var members = [withFraction(digit(bound[0] + 1, 9), fraction)]
        let equalHead = digit(bound[0], bound[0])
        members.append(.concatenation([equalHead, .text("."), .intersection([fractions(above: rest, orEqual: orEqual), fraction])]))
        if rest.isEmpty && orEqual { members.append(equalHead) }
        return union(members)
    }

    static func mantissas(below bound: [UInt8], orEqual: Bool, fraction: ByteRegex) -> ByteRegex {
        let rest = Array(bound.dropFirst())
        var members: [ByteRegex] = []
        if bound[0] > 1 { members.append(withFraction(digit(1, bound[0] - 1), fraction)) }
        let equalHead = digit(bound[0], bound[0])
        members.append(.concatenation([equalHead, .text("."), .intersection([fractions(below: rest, orEqual: orEqual), fraction])]))
        if !rest.isEmpty || orEqual { members.append(equalHead) }
        return union(members)
    }

    static func withFraction(_ head: ByteRegex, _ fraction: ByteRegex) -> ByteRegex {
        head == .nothing ? .nothing : .concatenation([head, .optional(.concatenation([.text("."), fraction]))])
    }
}
