import HadalCore
import TestSupport
import Testing

@testable import HadalText

@Suite struct PatternTests {
    private func matches(_ pattern: String, _ text: String) throws -> [String] {
        var found: [String] = []
        let bytes = Array(text.utf8)
        try bytes.withUnsafeBufferPointer { buffer in
            try Pattern(pattern).forEachMatch(in: buffer, Pattern.Scratch()) {
                found.append(String(decoding: buffer[$0], as: UTF8.self))
            }
        }
        return found
    }

    @Test func classesMeanWhatTheReferenceMeans() throws {
        // U+180E is a space to PCRE2, but has not been White_Space since Unicode 6.3; U+0085 and U+2028 are.
        #expect(try matches("\\s", "\u{180E} \u{85}\u{2028}\u{3000}").count == 4)
        #expect(try matches("[^\\S\\n]+", "a \t\nb") == [" \t"])
        #expect(try matches("\\d+", "1٣½") == ["1٣"])
        #expect(try matches("\\w+", "é_\u{301}½ ¾.x") == ["é_\u{301}½", "¾", "x"])
        #expect(try matches("[[:word:]]+", "a½b") == ["a", "b"])
        #expect(try matches("\\h+", "fg09") == ["f", "09"])
        #expect(try matches("a\\vb", "a\u{0B}b a\nb") == ["a\u{0B}b"])
    }

    @Test func charactersOfLaterUnicodeVersionsAreKnown() throws {
        #expect(try matches("\\p{L}+", "\u{1C89}\u{A7CB}\u{31350}").count == 1)
        #expect(try matches("\\p{Lu}", "\u{1C89}\u{1C8A}") == ["\u{1C89}"])
        #expect(try matches("[^\\p{L}]+", "1\u{31350}2") == ["1", "2"])
        #expect(try matches("\\P{L}+", "1\u{31350}2") == ["1", "2"])
        #expect(try matches("\\p{^L}+", "1\u{31350}2") == ["1", "2"])
    }

    @Test func bracketsIntersectAndNest() throws {
        #expect(try matches("[\\p{L}&&[^\\p{Han}]]+", "ab你c") == ["ab", "c"])
        #expect(try matches("[^\\p{L}&&[^\\p{Han}]]+", "ab你1c") == ["你1"])
        #expect(try matches("[a[bc]d]+", "xabcdx") == ["abcd"])
        #expect(try matches("[\\p{Han}]+", "、你好ー") == ["你好"])
        #expect(try matches("[!-/:-@\\[-`{-~]+", "a[\\]b~") == ["[\\]", "~"])
        #expect(try matches("[a-]+", "a-b") == ["a-"])
    }

    @Test func lineBreaksAndDots() throws {
        #expect(try matches("\\w+$", "ab\ncd\r\nef") == ["ab", "ef"])
        #expect(try matches("^.", "ab\ncd") == ["a", "c"])
        #expect(try matches("(?m:a.b)", "a\nb") == ["a\nb"])
        #expect(try matches("(?i:'s)", "'S 'ſ") == ["'S", "'ſ"])
    }

    @Test func emptyMatchesEnd() throws {
        #expect(try matches("(?=(\\d{3})+(?!\\d))", "1234567") == ["", ""])
        #expect(try matches("x*", "axxé") == ["", "xx", ""])
    }

    /// What Oniguruma's `Split` with the behavior `Isolated` makes of a text.
    @Test(
        arguments: [
            // An interval has no possessive form, `{n}?` is optional, `{,m}` starts at none, and a backward one is atomic.
            ("\\d{1,3}+", "1234567", ["1234567"]), ("\\d{2}+", "12345", ["1234"]), ("a{2}?b", "aab b", ["aab", "b"]),
            ("a{,2}b", "aaab", ["aab"]),
            ("a{2,1}", "aaa", ["aa", "a"]), ("a{,}", "aa{,}", ["a{,}"]), ("a{1", "a{1", ["a{1"]), ("a{1,2}?", "aaa", ["a", "a", "a"]),
            ("a++b", "aab", ["aab"]), ("a?+a", "a", []), ("a**", "aa", ["aa"]), ("x{ 1}", "x{ 1}", ["x{ 1}"]),
            // Options hold to the end of the group, over alternatives.
            ("a(?i)b|c", "aC aB Ac", ["aC", "aB"]), ("(?:a(?i)b)c", "aBc aBC", ["aBc"]), ("(?i-i:a)b", "ab", ["ab"]),
            ("(?im)a.b", "A\nb", ["A\nb"]),
            ("(?x) a b # c", "ab", ["ab"]), ("(?x)[a b]", " ", [" "]),
            // Classes, groups and references.
            ("\\pL", "apL", ["pL"]), ("[a-[b]]+", "a-b", ["a-b"]), ("[[a]-z]+", "a-zb", ["a-z"]), ("[]a]+", "a]b", ["a]"]),
            ("[--a]+", "-0a", ["-0a"]),
            ("[a-c-e]+", "b-de", ["b-", "e"]), ("\\R", "a\r\nb\u{2028}", ["\r\n", "\u{2028}"]), ("\\Qa.b\\E", "a.b QaxbE", ["QaxbE"]),
            ("[\\Q]+", "Q\\", ["Q"]), ("\\101", "A", ["A"]),
            ("(a)\\1", "aa", ["aa"]), ("(?<n>a)(b)\\k<n>", "aba", ["aba"]), ("(?'n'a)b", "ab", ["ab"]), ("(?#c)a", "a", ["a"]),
            ("(?>a+)a", "aaa", []),
            ("\\b\\w", "½ é_", ["½", "é"]), ("\\Bx", "xx", ["x"]), ("a\\Z", "a\na\n", ["a"]), ("(?i)ǆ", "ǅ", ["ǅ"]), ("(?i)k", "K", ["K"]),
            ("(?i)[[:alpha:]]", "ͅ", ["ͅ"]), ("(?i)[\\p{L}]", "ͅ", ["ͅ"]),
        ] as [(String, String, [String])])
    func syntaxIsOnigurumas(_ pattern: String, _ text: String, _ expected: [String]) throws {
        #expect(try matches(pattern, text) == expected)
    }

    @Test(arguments: [
        "(", ")", "[a", "\\", "[\\x{D800}]", "[z-a]", "\\p{L", "[]", "[^]", "[a-\\d]", "[\\w-z]", "[[:foo:]]", "*a", "a|*", "^*", "(?=a)+",
        "\\b+",
    ])
    func badPatternsAreErrors(_ pattern: String) { expectError(.malformed) { try Pattern(pattern) } }

    @Test(arguments: [("\\p{Nonsense}", "unknown property"), ("\\8", "not before it"), ("\\1", "not before it")])
    func namesOfNothingAreErrors(_ pattern: String, _ message: String) { expectError(.unsupported, message) { try Pattern(pattern) } }

    /// What Oniguruma takes, and PCRE2 would take for something else.
    @Test(arguments: [
        "(?P<n>a)", "\\C-a", "\\X", "\\y", "(?~ab)", "(?y{w})a", "(*FAIL)", "\\g<0>", "(?(1)a|b)", "(?i)ss", "(?i)[ß]", "(?i)[ß-ÿ]",
        "(?i)ﬁ", "(?i)[\\p{Lu}]",
        "(?i)[[:upper:]]", "(?i)[a-z&&b]", "\\p{InBasicLatin}", "(?W)a", "a{2}?+", "a+?*", "a??{2}",
    ])
    func whatCannotBeMatchedTheSameWayIsRefused(_ pattern: String) {
        expectError(.unsupported) { try Pattern(pattern) }
    }

    private struct Classes {
        static let rows: [(pattern: String, count: Int, hash: String)] = {
            let document = try? JSONDocument(contentsOf: TokenizerFixtures.path("oniguruma_classes.json"))
            return (document?.root.array ?? []).compactMap { row in
                guard let row = row.array, row.count == 3, let pattern = row[0].string, let count = row[1].int, let hash = row[2].string
                else { return nil }
                return (pattern, count, hash)
            }
        }()
        /// Every scalar but U+0000.
        static let text = (1...0x10FFFF).reduce(into: [UInt8]()) {
            if let scalar = Unicode.Scalar(UInt32($1)) { $0 += Array(UTF8.encode(scalar)!) }
        }
    }

    /// Counts of characters, and hashes of their ranges, as Oniguruma 6.9.10 has them.
    @Test func classesHoldWhatOnigurumaHas() throws {
        #expect(Classes.rows.count > 350)
        try Classes.text.withUnsafeBufferPointer { text in
            for row in Classes.rows {
                // A repetition, so that matches are the ranges themselves.
                let options = ["(?i)", "(?m)"].first { row.pattern.hasPrefix($0) } ?? ""
                var (count, ranges): (Int, [String]) = (0, [])
                try Pattern("\(options)(?:\(row.pattern.dropFirst(options.utf8.count)))++").forEachMatch(in: text, Pattern.Scratch()) {
                    range in
                    count += text[range].count { $0 & 0xC0 != 0x80 }
                    var last = range.upperBound - 1
                    while text[last] & 0xC0 == 0x80 { last -= 1 }
                    let ends = [range.lowerBound, last].map { String(UTF8Text.scalar(text, at: $0).value, radix: 16) }
                    ranges.append(ends.joined(separator: "-"))
                }
                var hash = FNV1a()
                hash.combine(ranges.joined(separator: ",").utf8)
                #expect(count == row.count, "\(row.pattern)")
                #expect(String(hash.value, radix: 16) == row.hash, "\(row.pattern)")
            }
        }
    }

    @Test func runawayPatternsAreStopped() throws {
        expectError(.limitExceeded) { try matches("(?:(?:a|b|ab)+)+$", String(repeating: "ab", count: 40) + "!") }
    }
}
