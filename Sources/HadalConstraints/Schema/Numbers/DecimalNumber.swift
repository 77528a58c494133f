import HadalCore

/// An exact decimal number: `0.d1d2d3… × 10^exponent`, without leading or trailing zero digits; zero has no digits.
struct DecimalNumber: Hashable, Sendable {
    let isNegative: Bool
    /// Values 0 to 9.
    let digits: [UInt8]
    let exponent: Int

    static let zero = DecimalNumber(isNegative: false, digits: [], exponent: 0)
    static let one = DecimalNumber(isNegative: false, digits: [1], exponent: 1)

    init(isNegative: Bool, digits: [UInt8], exponent: Int) {
        let first = digits.firstIndex { $0 != 0 } ?? digits.count
        let last = (digits.lastIndex { $0 != 0 } ?? -1) + 1
        if first >= last {
            self.isNegative = false
            self.digits = []
            self.exponent = 0
        } else {
            self.isNegative = isNegative
            self.digits = first == 0 && last == digits.count ? digits : Array(digits[first..<last])
            self.exponent = exponent - first
        }
    }

    /// nil for what is not a number. A double stands for the shortest decimal that reads as it.
    init?(_ json: JSON) {
        switch json.value {
        case .int(let value): self.init(text: String(value))
        case .bigInteger(let value): self.init(text: value.description)
        case .double(let value) where value.isFinite: self.init(text: "\(value)")
        default: return nil
        }
    }

    /// - Parameter text: as JSON spells numbers.
    init(text: String) {
        var digits: [UInt8] = []
        var exponent = 0
        var point: Int?
        var bytes = Array(text.utf8)[...]
        let isNegative = bytes.first == UInt8(ascii: "-")
        if isNegative { bytes.removeFirst() }
        while let byte = bytes.popFirst() {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digits.append(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "."): point = digits.count
            default:
                exponent = Int(String(decoding: bytes, as: UTF8.self)) ?? 0
                bytes = []
            }
        }
        self.init(isNegative: isNegative, digits: digits, exponent: exponent + (point ?? digits.count))
    }

    /// - Parameter digits: of a non-negative integer.
    init(integer digits: [UInt8], isNegative: Bool = false) {
        self.init(isNegative: isNegative, digits: digits, exponent: digits.count)
    }

    init(_ value: Int) { self.init(text: String(value)) }

    var isInteger: Bool { digits.count <= exponent || digits.isEmpty }

    var negated: DecimalNumber { DecimalNumber(isNegative: !isNegative, digits: digits, exponent: exponent) }
    var magnitude: DecimalNumber { isNegative ? negated : self }

    /// Digits before the point, at least one; the sign is left out.
    var integerDigits: [UInt8] {
        guard exponent > 0 else { return [0] }
        return (0..<exponent).map { $0 < digits.count ? digits[$0] : 0 }
    }

    /// Digits after the point; none for an integer.
    var fractionDigits: [UInt8] {
        guard !isInteger else { return [] }
        return exponent >= 0 ? Array(digits[exponent...]) : Array(repeating: 0, count: -exponent) + digits
    }

    /// The greatest integer that is not above the number.
    var floor: DecimalNumber {
        if isInteger { return self }
        let truncated = DecimalNumber(integer: integerDigits, isNegative: isNegative)
        return isNegative ? truncated.predecessor : truncated
    }

    var ceiling: DecimalNumber { negated.floor.negated }

    /// The next integer; the number must be an integer.
    var successor: DecimalNumber {
        isNegative
            ? DecimalNumber(integer: Self.decrement(integerDigits), isNegative: true)
            : DecimalNumber(integer: Self.increment(integerDigits))
    }
    var predecessor: DecimalNumber { negated.successor.negated }

    private static func increment(_ digits: [UInt8]) -> [UInt8] {
        var digits = digits
        for i in digits.indices.reversed() {
            if digits[i] < 9 {
                digits[i] += 1
                return digits
            }
            digits[i] = 0
        }
        return [1] + digits
    }

    private static func decrement(_ digits: [UInt8]) -> [UInt8] {
        var digits = digits
        for i in digits.indices.reversed() {
            if digits[i] > 0 {
                digits[i] -= 1
                return digits
            }
            digits[i] = 9
        }
        return digits
    }

    /// Whether the number is `multiple × n` for an integer n.
    func isMultiple(of multiple: Divisor) -> Bool {
        let places = max(0, digits.count - exponent)
        guard places <= multiple.places else { return false }
        var remainder = 0
        for digit in digits { remainder = (remainder * 10 + Int(digit)) % multiple.units }
        for _ in 0..<(exponent - digits.count + multiple.places) where remainder != 0 { remainder = remainder * 10 % multiple.units }
        return remainder == 0
    }
}

extension DecimalNumber: Comparable {
    static func < (a: DecimalNumber, b: DecimalNumber) -> Bool {
        let (x, y) = (a.sign, b.sign)
        if x != y { return x < y }
        if x == 0 { return false }
        return x > 0 ? less(a, b) : less(b, a)
    }

    private var sign: Int { digits.isEmpty ? 0 : isNegative ? -1 : 1 }

    private static func less(_ a: DecimalNumber, _ b: DecimalNumber) -> Bool {
        a.exponent != b.exponent ? a.exponent < b.exponent : a.digits.lexicographicallyPrecedes(b.digits)
    }
}

/// A positive decimal that numbers are multiples of: `units / 10^places`, `places` as small as it can be.
struct Divisor: Hashable, Sendable {
    let units: Int
    let places: Int

    /// nil beyond what remainders are computed for.
    init?(_ number: DecimalNumber) {
        guard !number.isNegative, !number.digits.isEmpty, number.digits.count <= 15, abs(number.exponent) <= 15 else { return nil }
        places = max(0, number.digits.count - number.exponent)
        var value = 0
        for digit in number.digits { value = value * 10 + Int(digit) }
        for _ in 0..<max(0, number.exponent - number.digits.count) {
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            value = scaled
        }
        guard value < 1 << 50 else { return nil }
        units = value
    }

    init(units: Int) {
        self.units = units
        places = 0
    }

    /// The integers among the multiples are those of this.
    var ofIntegers: Int {
        var scale = 1
        for _ in 0..<places { scale *= 10 }
        return units / Self.greatestCommonDivisor(units, scale)
    }

    static func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : greatestCommonDivisor(b, a % b) }
}
