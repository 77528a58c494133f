import HadalCore
import Testing

@Suite("Patterns of names") struct GlobTests {
    @Test(
        "a star stands for any characters, none included",
        arguments: [
            ("", "", true), ("", "a", false), ("*", "", true), ("*", "a.b", true), ("a", "a", true), ("a", "b", false), ("a*", "a", true),
            ("*a", "ba", true), ("*a", "ab", false), ("a*b*c", "a.b.b.c", true), ("a*b*c", "acb", false), ("**", "x", true),
            ("*ab", "aab", true),
            ("*_norm*", "blk.0.attn_norm.weight", true), ("output.weight", "outputXweight", false), ("*aab", "aaaab", true),
            ("a*a", "a", false), ("é*", "é1", true), ("é", "e\u{301}", false), ("a?c", "abc", false), ("a?c", "a?c", true),
            ("1-3", "2", false),
        ])
    func stars(pattern: String, name: String, isLike: Bool) { #expect(Glob(pattern).matches(name) == isLike) }

    @Test(
        "a question mark stands for one byte where the syntax has it",
        arguments: [
            ("a?c", "abc", true), ("a?c", "ac", false), ("a?c", "abbc", false), ("?", "", false), ("*?", "", false), ("*?", "ab", true),
            ("layers.?.x", "layers.3.x", true), ("layers.?.x", "layers.13.x", false), ("??", "é", true), ("1-3.?", "2.x", false),
        ])
    func anyOne(pattern: String, name: String, isLike: Bool) { #expect(Glob(pattern, .anyOne).matches(name) == isLike) }

    @Test(
        "a range stands for the numbers between two dots where the syntax has it",
        arguments: [
            ("blk.0-3.*", "blk.0.x", true), ("blk.0-3.*", "blk.3.x", true), ("blk.0-3.*", "blk.4.x", false),
            ("blk.0-3.*", "blk.13.x", false),
            ("blk.0-3.*", "blk.x", false), ("blk.0-3", "blk.2", true), ("blk.0-3", "blk.2.x", false), ("2-4", "3", true),
            ("2-4.x", "a.3.x", false),
            ("*.2-4.x", "a.9.3.x", true), ("*.2-4.x", "3.x", false), ("*.2-4.*.7-8", "a.3.b.8", true), ("*.2-4.*.7-8", "a.3.b.9", false),
            // The star takes more where what follows it does not fit.
            ("*.2-4.7-8", "1.2.3.8", true), ("a*2-4.x", "a.3.x", false), ("blk.10-12.x", "blk.011.x", true),
            // No ranges: backwards, open, several dashes, words.
            ("blk.9-3.x", "blk.5.x", false), ("blk.9-3.x", "blk.9-3.x", true), ("blk.3-.x", "blk.4.x", false),
            ("blk.3-.x", "blk.3-.x", true),
            ("blk.1-2-3.x", "blk.2.x", false), ("a-b.x", "a-b.x", true), ("blk.3.x", "blk.03.x", false), ("blk.?.x", "blk.3.x", false),
            ("blk.0-99999999999999999999.x", "blk.5.x", false),
        ])
    func ranges(pattern: String, name: String, isLike: Bool) { #expect(Glob(pattern, .ranges).matches(name) == isLike) }

    /// The number of ways to divide the name among the stars is astronomical.
    @Test("many stars take no long time")
    func time() {
        let name = String(repeating: "a", count: 20_000)
        let start = MonotonicClock.seconds
        #expect(!Glob(String(repeating: "*a", count: 50) + "*b").matches(name))
        #expect(MonotonicClock.seconds - start < 30)
    }

    @Test(
        "ranges of numbers",
        arguments: [
            ("7", 7, Int?.some(7)), ("0-11", 0, 11), ("12-", 12, nil), ("3-1", 3, 1), ("007", 7, 7),
        ])
    func numbers(text: String, first: Int, last: Int?) {
        let range = NumberRange(text)
        #expect(range?.first == first && range?.last == last)
        #expect(range?.contains(first) == (last ?? .max >= first) && range?.contains(first - 1) == false)
        #expect(range?.contains(.max) == (last == nil))
    }

    @Test("texts that are no range", arguments: ["", "-", "-3", "x", "1-x", "1-2-3", "+1", "1-+2", " 1", "99999999999999999999", "٣"])
    func noNumbers(text: String) { #expect(NumberRange(text) == nil) }
}
