import HadalCore
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
        #expect(try matches("\\w+", "é_\u{301}½ x") == ["é_\u{301}", "x"])
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

    @Test(arguments: ["(", "[a", "\\p{Nonsense}", "a{2,1}", "\\", "[\\x{D800}]", "[z-a]", "\\p{L", "(?P<n>a)(?P<n>b)", "\\C"])
    func badPatternsAreErrors(_ pattern: String) { #expect(throws: HadalError.self) { try Pattern(pattern) } }

    @Test func runawayPatternsAreStopped() throws {
        let error = #expect(throws: HadalError.self) { try matches("(?:(?:a|b|ab)+)+$", String(repeating: "ab", count: 40) + "!") }
        #expect(error?.code == .limitExceeded)
    }
}
