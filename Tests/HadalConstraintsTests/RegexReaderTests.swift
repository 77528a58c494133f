import ConstraintTestSupport
import HadalConstraints
import HadalCore
import TestSupport
import Testing

@Suite("Regular expressions as users write them")
struct RegexReaderTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var pattern: String
        var mode: RegexReader.Mode = .whole
        var yes: [String] = []
        var no: [String] = []
        var testDescription: String { "\(pattern) (\(mode))" }
    }

    static let cases: [Case] = [
        Case(pattern: "abc", yes: ["abc"], no: ["", "ab", "abcd"]),
        Case(pattern: "", yes: [""], no: ["a"]),
        Case(pattern: "a|b|", yes: ["a", "b", ""], no: ["ab"]),
        Case(pattern: "a*b+?c??", yes: ["b", "aabbc"], no: ["a", "bcc"]),
        Case(pattern: "a{2}b{1,}c{0,2}", yes: ["aab", "aabbcc"], no: ["ab", "aac", "aabccc"]),
        Case(pattern: "(?:ab)+(?<name>c|d)(?P<n>e)", yes: ["abce", "ababde"], no: ["ce", "abe"]),
        Case(pattern: "[a-c][^a-c][]x", no: ["adx"]),
        Case(pattern: #"[\w-.][-a][a-]"#, yes: ["_--", ".aa", "-a-"], no: ["!aa"]),
        Case(pattern: #"\d\D\w\W\s\S"#, yes: ["1aa. a", "0-_-\u{A0}x"], no: ["aaa. a", "1a.. a"]),
        Case(pattern: #"\x41\u0042\u{43}\t\n\cA\0\/\-\."#, yes: ["ABC\t\n\u{1}\0/-."]),
        Case(pattern: #"[\u00e0-\u00ff]"#, yes: ["é"], no: ["e", "Ā"]),
        Case(pattern: #"\uD83D\uDE00"#, yes: ["😀"]),
        Case(pattern: "[^x]", yes: ["é", "😀", "\n"], no: ["x", "", "ab"]),
        Case(pattern: ".", yes: ["é", "\u{85}"], no: ["\n", "\r", "\u{2028}"]),
        Case(pattern: "(?s).", yes: ["\n"], no: ["\n\n"]),
        Case(pattern: "(?i)straße[^a]", yes: ["STRAßEb", "StraßeB"], no: ["straßeA", "straßea"]),
        Case(pattern: "a(?i:b)c", yes: ["abc", "aBc"], no: ["Abc", "abC"]),
        Case(pattern: #"\p{Lu}\p{L}+\P{L}\p{Nd}"#, yes: ["Éa-1", "ÄÖÜ-٣"], no: ["éa-1"]),
        Case(pattern: "{a}]}", yes: ["{a}]}"]),
        Case(pattern: "abc", mode: .search, yes: ["abc", "xabcx"], no: ["ab"]),
        Case(pattern: "^abc", mode: .search, yes: ["abc", "abcx"], no: ["xabc"]),
        Case(pattern: "abc$", mode: .search, yes: ["abc", "xabc"], no: ["abcx"]),
        Case(pattern: "^a|b$", mode: .search, yes: ["axx", "xxb", "a"], no: ["xa", "bx"]),
        Case(pattern: "^(a|b$|^c)", mode: .search, yes: ["ax", "b", "cx"], no: ["bx", "xc"]),
        Case(pattern: "a^b", mode: .search, no: ["ab", "a^b", "b"]),
        Case(pattern: "^$", mode: .search, yes: [""], no: ["a"]),
        Case(pattern: "", mode: .search, yes: ["", "anything"]),
        Case(pattern: "^(?!foo)[a-z]+$", mode: .search, yes: ["fo", "bar", "xfoo"], no: ["foo", "foobar"]),
        Case(pattern: "^(?!foo$).*", mode: .search, yes: ["foobar", "fo"], no: ["foo"]),
        Case(pattern: "^(?!^foo$)", mode: .search, yes: ["foobar", "fo"], no: ["foo"]),
        Case(pattern: #"^(?=.*\d)(?=.*[a-z]).{3,5}$"#, mode: .search, yes: ["a1b", "xx9xx"], no: ["abc", "123", "a1", "a1bcde"]),
        Case(pattern: "^a(?=b|c)", mode: .search, yes: ["ab", "acx"], no: ["a", "ad"]),
        Case(pattern: "(?<!x)y$", mode: .search, yes: ["y", "ay"], no: ["xy"]),
        Case(pattern: "(?<=x)y", yes: [], no: ["y", "xy"]),
        Case(pattern: #"\bcat\b"#, mode: .search, yes: ["cat", "a cat.", "-cat"], no: ["cats", "acat", "_cat"]),
        Case(pattern: #"\Bcat"#, mode: .search, yes: ["acat"], no: ["cat", " cat"]),
        Case(pattern: #"a.?\b.?c"#, yes: ["a-c", "a c"], no: ["ac", "abc", "a--c"]),
        Case(pattern: "(^a)?b", mode: .search, yes: ["ab", "b", "xb"], no: ["a"]),
    ]

    @Test(arguments: cases)
    func languages(_ item: Case) throws {
        let regex = try RegexReader.read(item.pattern, mode: item.mode).bytes()
        for text in item.yes { #expect(NaiveRegex.matches(regex, text), "\(text)") }
        for text in item.no { #expect(!NaiveRegex.matches(regex, text), "\(text)") }
    }

    @Test(arguments: [
        ("a(b", HadalError.Code.malformed, "pattern:1:2"), ("a)b", .malformed, "pattern:1:2"), ("[a", .malformed, "pattern:1:1"),
        ("*a", .malformed, "pattern:1:1"), ("a**", .malformed, "pattern:1:3"), ("a{3,2}", .malformed, "pattern:1:2"),
        ("[b-a]", .malformed, "pattern:1:2"), (#"é\"#, .malformed, "pattern:1:3"), (#"\u12"#, .malformed, "pattern:1:1"),
        (#"(a)\1"#, .unsupported, "pattern:1:4"), ("a++", .unsupported, "pattern:1:2"), ("(?>a)", .unsupported, "pattern:1:1"),
        ("(?:a$)*", .unsupported, "pattern:1:1"), ("(?=^a)b(?<=a)", .unsupported, "pattern:1:8"),
        (#"\p{Script=Greek}"#, .unsupported, "pattern:1:1"), ("(?m)^a", .unsupported, "pattern:1:3"), (#"\q"#, .unsupported, "pattern:1:1"),
        ("a{99999999999}", .limitExceeded, "pattern:1:3"), (String(repeating: "(", count: 300), .limitExceeded, "pattern:1:202"),
        ("\n\n x{,5}", .unsupported, "pattern:3:3"),
    ])
    func refusals(pattern: String, code: HadalError.Code, place: String) {
        expectError(code, place) { try RegexReader.read(pattern, mode: .whole) }
    }

    @Test func everyCharacterOfASetAndNoOtherInUTF8() throws {
        var random = SplitMix64(seed: 7)
        for _ in 0..<60 {
            var ranges: [ClosedRange<UInt32>] = []
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let limit: UInt32 = [0x80, 0x900, 0x1_1000, 0x10_FFFF].randomElement(using: &random) ?? 1
                let low = UInt32.random(in: 0...limit, using: &random)
                ranges.append(low...min(low + UInt32.random(in: 0...limit / 2, using: &random), 0x10_FFFF))
            }
            let set = ScalarSet(ranges: ranges)
            let regex = set.utf8
            let edges = set.ranges.flatMap { [$0.lowerBound, $0.upperBound, $0.lowerBound &- 1, $0.upperBound + 1] }
            for value in edges + (0..<50).map({ _ in UInt32.random(in: 0...0x10_FFFF, using: &random) }) {
                guard let scalar = Unicode.Scalar(value) else { continue }
                #expect(NaiveRegex.matches(regex, Array(String(scalar).utf8)) == set.contains(value))
            }
            // Overlong, cut and surrogate forms are no text.
            for bytes: [UInt8] in [[0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xC3]] {
                #expect(!NaiveRegex.matches(regex, bytes))
            }
        }
        #expect(NaiveRegex.matches(ScalarSet.property("L")?.utf8 ?? .nothing, "ж"))
    }

    @Test func setsAgreeWithTheirMembers() {
        let a = ScalarSet(ranges: [10...20, 15...30, 31...31, 50...60])
        #expect(a.ranges == [10...31, 50...60])
        #expect(a.complement.complement == a && a.union(a.complement) == .all && a.intersection(a.complement).isEmpty)
        #expect(a.contains(31) && !a.contains(32) && a.contains(50) && !a.contains(61) && !a.contains(0))
        #expect(ScalarSet(Array("k".unicodeScalars)).caseInsensitive.contains(0x212A))
    }

    @Test func expansionsOfAssertionsAreBounded() {
        for pattern in [
            String(repeating: #".?\b"#, count: 60), String(repeating: "(a|^|$)", count: 40),
            String(repeating: "(?=(a|$)", count: 30) + String(repeating: ")", count: 30) + String(repeating: "(b|$)", count: 30),
        ] { expectError(.limitExceeded) { try RegexReader.read(pattern, mode: .search) } }
    }

    @Test func patternsCanBeLoweredToOtherSpellings() throws {
        let regex = try RegexReader.read("a[^b]", mode: .whole)
        let spelled = regex.bytes { set in
            set.contains(0x22) ? .union([set.subtracting(ScalarSet(0x22...0x22)).utf8, .text("\\\"")]) : set.utf8
        }
        #expect(NaiveRegex.matches(spelled, "a\\\"") && !NaiveRegex.matches(spelled, "a\"") && !NaiveRegex.matches(spelled, "ab"))
    }

    @Test func anyBytesReadWithoutHarm() {
        var random = SplitMix64(seed: 3)
        let pieces = Array("ab^$.*+?()[]{}|\\dwsbBpLu-,:=!<>i1é😀\n").map(String.init)
        for _ in 0..<4000 {
            let pattern = (0..<Int.random(in: 0...14, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
            for mode in [RegexReader.Mode.whole, .search] { _ = try? RegexReader.read(pattern, mode: mode).bytes() }
        }
    }
}
