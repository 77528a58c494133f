import HadalCore
import Testing
import TestSupport

@Suite struct ExpressionTests {
    static let names: [String: ExpressionValue] = [
        "n": .int(7), "x": .float(2.5), "on": .bool(true), "text": .string("abc"), "none": .null,
        "list": .array([.int(3), .int(4), .int(5)]),
        "a.b": .int(1),
    ]

    static func value(_ text: String) throws -> ExpressionValue { try Expression(parsing: text).evaluate { names[$0] } }

    @Test(arguments: [
        ("1 + 2 * 3", ExpressionValue.int(7)), ("(1 + 2) * 3", .int(9)), ("7 / 2", .float(3.5)), ("8 / 2", .int(4)), ("-7 // 2", .int(-4)),
        ("-7 % 3", .int(2)), ("7.5 // 2", .float(3)), ("2 - 3 - 4", .int(-5)), ("n > 6 && n < 8", .bool(true)),
        ("!on || n == 7.0", .bool(true)),
        ("on ? 1 : 2", .int(1)), ("false ? 1 : on ? 3 : 4", .int(3)), ("list[1]", .int(4)), ("[1, n][1]", .int(7)),
        ("len(list) + sum(list)", .int(15)),
        ("min(3, 1.5, 2)", .float(1.5)), ("max(n, 3)", .int(7)), ("int(-2.7)", .int(-2)), ("floor(-2.5)", .int(-3)), ("ceil(2.1)", .int(3)),
        ("round(2.5)", .int(3)), ("abs(-4)", .int(4)), ("sqrt(16)", .float(4)), ("pow(2, 10)", .float(1024)), ("log(exp(1))", .float(1)),
        ("has(n) && !has(none) && !has(unknown)", .bool(true)), ("none == null", .bool(true)), ("text == 'abc'", .bool(true)),
        ("text != 'abd'", .bool(true)), ("a.b", .int(1)), ("1e3", .float(1000)), ("- - 3", .int(3)), ("on || 1 / 0 > 0", .bool(true)),
        ("has(unknown) ? unknown : 0", .int(0)), ("text[1]", .string("b")), ("text[0]", .string("a")),
        ("text[len(text) - 1] == 'c'", .bool(true)), ("len('MEM*-E')", .int(6)),
        ("'ä*'[1]", .string("*")), ("list == [3, 4.0, 5]", .bool(true)), ("list == none || none == list", .bool(false)),
        ("contains(list, 4.0)", .bool(true)),
        ("last([1, 2, 1, 3], 1)", .int(2)), ("last([1, 2, 1, 3], 1, 2)", .int(0)), ("last([1, 2], 3)", .int(-1)),
        ("last([1], 1, 0)", .int(-1)),
        ("contains([none, 1], none)", .bool(true)), ("on == 1", .bool(false)), ("n == 'x'", .bool(false)),
    ])
    func evaluates(text: String, wanted: ExpressionValue) throws { #expect(try Self.value(text) == wanted) }

    @Test(arguments: [
        ("1 +", "expected a value"), ("(1", "expected ')'"), ("foo(1)", "unknown function"), ("min()", "does not take 0"),
        ("1 2", "unexpected text"),
        ("'abc", "unterminated"), ("1 $ 2", "unexpected character"), ("1 / 0", "division by zero"),
        ("9223372036854775807 + 1", "overflow"), ("-9223372036854775807 - 2", "overflow"), ("99999999999999999999", "too large"),
        ("on + 1", "requires numbers"),
        ("n ? 1 : 2", "requires a boolean"), ("list[3]", "outside an array"), ("list[-1]", "outside an array"), ("n[0]", "only an array"),
        ("text[3]", "outside a text of 3"), ("sqrt(-1)", "negative"),
        ("log(0)", "positive"), ("int(1e300)", "out of range"), ("!n", "does not apply"), ("'a' < 'b'", "requires numbers"),
        ("sum(n)", "requires an array"),
        ("text[3]", "outside a text of 3 characters"), ("text[-1]", "outside a text"), ("text['a']", "must be an integer"),
        ("list == 'x'", "never equal to 'x': compare an entry"),
        ("3 != list", "never equal to 3"), ("list == on", "never equal"), ("contains(text, 'a')", "takes a list and a value, not a string"),
        ("contains(list, list)", "never equal"), ("last(text, 'a')", "takes a list and a value, not a string"),
        ("last([1, 2], 1, 3)", "the first 3 of 2 entries"), ("last([1, 2], 1, 'x')", "of 2 entries"), ("len(n)", "takes a list or a text"),
    ])
    func refuses(text: String, message: String) {
        // What cannot be read is malformed; what can be read and has no value was a wrong thing to ask for.
        let isRead = (try? Expression(parsing: text)) != nil
        expectError(isRead ? .invalidArgument : .malformed, message) { try Self.value(text) }
    }

    @Test func namesThatNothingHasAreNotFound() { expectError(.notFound, "unknown name 'unknown'") { try Self.value("unknown") } }

    @Test func namesAreTold() throws {
        #expect(try Expression(parsing: "a + has(b) ? c[d] : min(e, 'f')").names == ["a", "b", "c", "d", "e"])
        #expect(try Expression(parsing: "abc").bareName == "abc")
        #expect(try Expression(parsing: "12").constant == .int(12))
    }

    @Test func depthAndLengthAreBounded() {
        for text in [
            String(repeating: "(", count: 2000), String(repeating: "-", count: 3000) + "1", String(repeating: "1+", count: 2000) + "1",
            "a" + String(repeating: "[0]", count: 1000), String(repeating: "1 ? ", count: 900) + "1", String(repeating: "[", count: 4000),
            String(repeating: " ", count: 5000),
        ] {
            expectError(.limitExceeded) { try Expression(parsing: text) }
        }
    }

    @Test func mutatedExpressionsEnd() throws {
        var random = SeededGenerator(seed: 9)
        let alphabet = Array("nxlist on[]()+-*/%?:!=<>&|',.0123456789e ".utf8)
        var good = 0
        for _ in 0..<5000 {
            let text = (0..<Int.random(in: 1...24, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? 0x20 }
            if (try? Self.value(String(decoding: text, as: UTF8.self))) != nil { good += 1 }
        }
        #expect(good > 10)
    }
}
