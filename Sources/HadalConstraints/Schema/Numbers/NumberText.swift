/// How the numbers of a set are written: as Python's `json.dumps` does, with any number of zeros after a fraction.
///
/// Exponents stand where Python writes them, at 16 and above and at -5 and below, after one digit and a fraction: so a text is compared
/// with a bound digit by digit.
enum NumberText {
    private static let minus: ByteRegex = .text("-")
    private static let point: ByteRegex = .text(".")
    /// Doubles have at most 17 digits; a whole number stays whole with an exponent of 16.
    private static let mantissaFraction: ByteRegex = .repetition(DigitRegex.any, minimum: 1, maximum: 16)
    /// With any mantissa these are doubles other than zero and infinity.
    private static let highestExponent = 307
    private static let lowestExponent = 323

    private static let anyInteger = DigitRegex.integers(from: [0], to: nil)
    private static let anyMantissa = DigitRegex.withFraction(DigitRegex.digit(1, 9), mantissaFraction)

    /// Any number at all.
    static let any: ByteRegex = .concatenation([
        .optional(minus), .union([.concatenation([anyInteger, .optional(.concatenation([point, DigitRegex.anyCount1]))]), scientific]),
    ])
    /// Any whole number.
    static let anyWhole: ByteRegex = .concatenation([
        .optional(minus),
        .union([
            .concatenation([anyInteger, .optional(.concatenation([point, DigitRegex.digit(0, 0), DigitRegex.zeros]))]),
            .concatenation([anyMantissa, .text("e+"), exponents(from: 16, to: highestExponent)]),
        ]),
    ])

    private static let scientific: ByteRegex = .concatenation([
        anyMantissa, .text("e"),
        .union([
            .concatenation([.text("+"), exponents(from: 16, to: highestExponent)]),
            .concatenation([.text("-"), exponents(from: 5, to: lowestExponent)]),
        ]),
    ])

    /// Exponents of two digits and more.
    private static func exponents(from low: Int, to high: Int) -> ByteRegex {
        guard low <= high else { return .nothing }
        func digits(_ value: Int) -> [UInt8] { String(value).utf8.map { $0 - UInt8(ascii: "0") } }
        var members: [ByteRegex] = []
        if low < 10 { members.append(.concatenation([.text("0"), DigitRegex.integers(from: digits(low), to: digits(min(high, 9)))])) }
        if high >= 10 { members.append(DigitRegex.integers(from: digits(max(low, 10)), to: digits(high))) }
        return DigitRegex.union(members)
    }

    /// The absolute values of an interval's numbers, by their sign. Zero has both, as Python writes -0.0.
    static func magnitudes(_ interval: NumberInterval) -> [(isNegative: Bool, NumberInterval)] {
        var mirrored = NumberInterval(
            lower: interval.upper?.negated, lowerIsOpen: interval.upperIsOpen, upper: interval.lower?.negated,
            upperIsOpen: interval.lowerIsOpen)
        mirrored.divisors = interval.divisors
        mirrored.nonDivisors = interval.nonDivisors
        let nonNegative = NumberInterval(lower: .zero)
        return [(false, interval.intersection(nonNegative)), (true, mirrored.intersection(nonNegative))].filter { !$0.1.isEmpty }
    }

    /// The two signs of what `text` writes for bounds that are not negative.
    static func signed(_ interval: NumberInterval, _ text: (NumberInterval) -> ByteRegex) -> [ByteRegex] {
        magnitudes(interval).compactMap { isNegative, magnitudes in
            let regex = text(magnitudes)
            return regex == .nothing ? nil : isNegative ? .concatenation([minus, regex]) : regex
        }
    }

    /// Whole numbers without fraction or exponent.
    static func plain(_ interval: NumberInterval) -> ByteRegex {
        DigitRegex.integers(from: interval.lower?.integerDigits ?? [0], to: interval.upper?.integerDigits)
    }

    /// Whole numbers with a fraction of zeros, or an exponent.
    static func pointed(_ interval: NumberInterval) -> ByteRegex {
        DigitRegex.union([
            .concatenation([plain(interval), point, DigitRegex.digit(0, 0), DigitRegex.zeros]),
            withExponent(interval, sign: "+", lowest: 16) { $0 },
        ])
    }

    /// Numbers that are not whole.
    ///
    /// - Parameter exponents: whether they may be written with one.
    static func fractional(_ interval: NumberInterval, exponents: Bool) -> ByteRegex {
        let low = interval.lower ?? .zero
        let lowFloor = low.floor
        let above = DigitRegex.fractions(above: low.fractionDigits, orEqual: !interval.lowerIsOpen)
        var members: [ByteRegex] = []
        func add(_ whole: ByteRegex, _ fractions: [ByteRegex]) {
            let all = fractions + [DigitRegex.nonZeroFraction]
            members.append(.concatenation([whole, point, all.count == 1 ? all[0] : .intersection(all)]))
        }
        if let high = interval.upper {
            let highFloor = high.floor
            let below = DigitRegex.fractions(below: high.fractionDigits, orEqual: !interval.upperIsOpen)
            if lowFloor == highFloor {
                add(DigitRegex.literal(low.integerDigits), [above, below])
            } else {
                add(DigitRegex.literal(low.integerDigits), low.isInteger ? [] : [above])
                let between = NumberInterval(lower: lowFloor.successor, upper: highFloor.predecessor)
                if !between.isEmpty { add(plain(between), []) }
                if !high.isInteger { add(DigitRegex.literal(high.integerDigits), [below]) }
            }
        } else if low.isInteger {
            add(plain(interval), [])
        } else {
            add(DigitRegex.literal(low.integerDigits), [above])
            add(plain(NumberInterval(lower: lowFloor.successor)), [])
        }
        if exponents { members.append(withExponent(interval, sign: "-", lowest: 5) { -$0 }) }
        return DigitRegex.union(members)
    }

    /// Mantissa and exponent between the bounds; `value` is the exponent that digits after the sign mean.
    private static func withExponent(_ interval: NumberInterval, sign: String, lowest: Int, value: (Int) -> Int) -> ByteRegex {
        let exponentLimit = sign == "+" ? highestExponent : lowestExponent
        // The exponent of `d.ddd`, and of bounds that are zero nothing to compare.
        let low = interval.lower.flatMap { $0.digits.isEmpty ? nil : ($0.exponent - 1, $0.digits, !interval.lowerIsOpen) }
        let high = interval.upper.map { ($0.exponent - 1, $0.digits, !interval.upperIsOpen) }
        if let high, high.1.isEmpty { return .nothing }
        var members: [ByteRegex] = []
        func add(_ mantissa: ByteRegex, _ exponents: ByteRegex) {
            if mantissa != .nothing && exponents != .nothing {
                members.append(.concatenation([mantissa, .text("e" + sign), exponents]))
            }
        }
        // Exponents strictly between those of the bounds, in the digits that are written.
        let floor = low.map { $0.0 + 1 } ?? -exponentLimit
        let ceiling = high.map { $0.0 - 1 } ?? exponentLimit
        let ends = [value(floor), value(ceiling)].sorted()
        add(anyMantissa, exponents(from: max(lowest, ends[0]), to: min(exponentLimit, floor <= ceiling ? ends[1] : -1)))
        func single(_ exponent: Int) -> ByteRegex {
            let digits = value(exponent)
            return exponents(from: max(lowest, digits), to: min(exponentLimit, digits))
        }
        if let low, let high, low.0 == high.0 {
            add(
                .intersection([
                    DigitRegex.mantissas(above: low.1, orEqual: low.2, fraction: mantissaFraction),
                    DigitRegex.mantissas(below: high.1, orEqual: high.2, fraction: mantissaFraction),
                ]), single(low.0))
        } else {
            if let low { add(DigitRegex.mantissas(above: low.1, orEqual: low.2, fraction: mantissaFraction), single(low.0)) }
            if let high { add(DigitRegex.mantissas(below: high.1, orEqual: high.2, fraction: mantissaFraction), single(high.0)) }
        }
        return DigitRegex.union(members)
    }
}
