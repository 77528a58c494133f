import HadalCore
import TestSupport
import Testing

@Suite struct BigIntegerTests {
    @Test(arguments: [
        "0", "1", "-1", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775809",
        "18446744073709551616",
        "12345678901234567890", "340282366920938463463374607431768211456", "-1000000000000000000000000000000",
        String(repeating: "9", count: 4300),
    ])
    func digitsAreKept(text: String) throws {
        let value = try #require(BigInteger(text))
        #expect(value.description == text && value.int == Int(text) && (-(-value)) == value)
        #expect(BigInteger(value.text(radix: 16), radix: 16) == value)
        let json = try JSONDocument(parsing: "[\(text), {\"a\": \(text)}]", file: "t").root
        #expect(json.text() == "[\(text), {\"a\": \(text)}]")
        #expect(json.array?[0].double == Double(text))
    }

    @Test(arguments: ["", "-", "+-1", "1_0", "0x10", "1.0", "١", String(repeating: "9", count: 4301)])
    func whatIsNone(text: String) { #expect(BigInteger(text) == nil) }

    @Test func tooManyDigitsAreRefusedWithTheirPlace() {
        expectError(.limitExceeded, "t.json:2:2") {
            try JSONDocument(parsing: "{\"a\":\n " + String(repeating: "1", count: 5000) + "}", file: "t.json")
        }
    }

    @Test("arithmetic agrees with 128 bits")
    func arithmetic() throws {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<400 {
            let (x, y) = (
                Int128(Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0...62, using: &random)),
                Int128(Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0...62, using: &random))
            )
            let (a, b) = (BigInteger(x), BigInteger(y))
            #expect(a.adding(b)?.description == (x + y).description && a.multiplied(by: b)?.description == (x * y).description)
            #expect((a < b) == (x < y) && a.double == Double(x))
            guard y != 0 else { continue }
            let wide = x * 0x1_0000_0001
            let (quotient, remainder) = BigInteger(wide).dividedRoundingDown(by: b)
            let isBelow = wide % y != 0 && (wide % y < 0) != (y < 0)
            #expect(quotient.description == (wide / y - (isBelow ? 1 : 0)).description)
            #expect(remainder.description == (isBelow ? wide % y + y : wide % y).description)
        }
    }

    @Test func limits() {
        #expect(BigInteger(10).power(4300) != nil && BigInteger(10).power(5000) == nil && BigInteger(-1).power(.max) == BigInteger(-1))
        #expect(BigInteger(10).power(400)?.double == .infinity && BigInteger(exactly: .infinity) == nil && BigInteger(exactly: 0.5) == nil)
        #expect(BigInteger(exactly: -0x1p70)?.description == "-1180591620717411303424")
        // Halves go to the even one, and what is cut off decides.
        #expect(
            BigInteger("9007199254740993")?.double == 9007199254740992 && BigInteger("18446744073709553665")?.double == 18446744073709555712
        )
    }
}
