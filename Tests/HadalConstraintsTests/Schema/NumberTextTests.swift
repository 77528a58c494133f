import HadalCore
import TestSupport
import Testing

@testable import HadalConstraints

@Suite("Numbers as text")
struct NumberTextTests {
    private static let bounds = [
        "0", "1", "-1", "5", "9", "10", "11", "99", "100", "0.5", "-0.5", "1.25", "-1.25", "0.05", "9.99", "-99.9", "1e-7", "2.5e-7",
        "-3e-6",
        "1e16", "2.5e17", "-1e20", "123456", "0.125", "7", "-7", "1000000", "42.42",
    ]

    private static func number(_ random: inout SeededGenerator) -> String {
        let digits = (0..<Int.random(in: 1...4, using: &random)).map { _ in String(Int.random(in: 0...9, using: &random)) }.joined()
        let sign = Bool.random(using: &random) ? "-" : ""
        let whole = digits.count > 1 && digits.hasPrefix("0") ? "1" + digits.dropFirst() : digits
        switch Int.random(in: 0...5, using: &random) {
        case 0: return sign + "\(Int.random(in: 1...9, using: &random)).\(digits)e-0\(Int.random(in: 5...9, using: &random))"
        case 1: return sign + "\(Int.random(in: 1...9, using: &random)).\(digits)e+\(Int.random(in: 16...21, using: &random))"
        case 2: return sign + whole
        case 3: return sign + whole + ".0"
        case 4: return sign + "0.\(digits)"
        default: return sign + whole + ".\(Int.random(in: 0...99, using: &random))"
        }
    }

    @Test func intervalsAllowTheNumbersInThem() throws {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<400 {
            var interval = NumberInterval.all
            if Bool.random(using: &random) {
                interval.lower = DecimalNumber(text: Self.bounds.randomElement(using: &random) ?? "0")
                interval.lowerIsOpen = Bool.random(using: &random)
            }
            if Bool.random(using: &random) {
                interval.upper = DecimalNumber(text: Self.bounds.randomElement(using: &random) ?? "0")
                interval.upperIsOpen = Bool.random(using: &random)
            }
            var set = NumberSet(interval)
            let isComplement = Int.random(in: 0...3, using: &random) == 0
            if isComplement { set = set.complement }
            if set.isEmpty { continue }
            let texts =
                set.plain.flatMap { NumberText.signed($0, NumberText.plain) }
                + set.pointed.flatMap { NumberText.signed($0, NumberText.pointed) }
                + set.fractional.flatMap { NumberText.signed($0) { NumberText.fractional($0, exponents: true) } }
            var grammar = Grammar()
            grammar.start = grammar.terminal(.union(texts))
            let matcher = try SchemaTests.matcher(grammar)
            for _ in 0..<60 {
                let text = Bool.random(using: &random) ? Self.number(&random) : Self.bounds.randomElement(using: &random) ?? "0"
                // Bounds are not all spelled as numbers are.
                guard !text.contains("e") || text.contains("e+") || text.contains("e-0") else { continue }
                let isIn = interval.contains(DecimalNumber(text: text)) != isComplement
                #expect(try SchemaTests.allows(matcher, text) == isIn, "\(text) and \(interval), complement \(isComplement)")
            }
        }
    }

    @Test(arguments: [1, 3, 7, 12, 60, 429])
    func multiples(of divisor: Int) throws {
        let schema: JSON = ["type": "integer", "multipleOf": JSON(.int(Int64(divisor))), "minimum": -50, "maximum": 2000]
        let matcher = try SchemaTests.matcher(JSONSchemaReader.grammar(schema))
        for value in -120...2200 {
            #expect(try SchemaTests.allows(matcher, String(value)) == (value % divisor == 0 && value >= -50 && value <= 2000), "\(value)")
        }
    }

    @Test func decimalsCompareExactly() {
        let sorted = ["-1e20", "-10.5", "-10", "-0.1", "-0.01", "0", "1e-7", "0.1", "0.11", "1", "9.99", "10", "123456789012345678901"]
            .map { DecimalNumber(text: $0) }
        for (index, value) in sorted.enumerated() { for other in sorted[(index + 1)...] { #expect(value < other && !(other < value)) } }
        #expect(DecimalNumber(text: "1.50") == DecimalNumber(text: "15e-1"))
        #expect(DecimalNumber(text: "-0.0") == .zero)
        #expect(DecimalNumber(text: "-1.5").floor == DecimalNumber(text: "-2"))
        #expect(DecimalNumber(text: "-1.5").ceiling == DecimalNumber(text: "-1"))
        #expect(DecimalNumber(text: "999").successor == DecimalNumber(text: "1000"))
        #expect(DecimalNumber(text: "0").predecessor == DecimalNumber(text: "-1"))
    }
}
