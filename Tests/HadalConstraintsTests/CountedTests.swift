import HadalCore
import TestSupport
import Testing

@testable import HadalConstraints

/// Patterns with bounds on the number of characters.
@Suite("Counted texts")
struct CountedTests {
    /// Units of one to three bytes, as characters are, some of which begin alike.
    private static let units: [ByteRegex] = ["a", "b", "ca", "cba", "cbb"].map { .text($0) }

    /// Bounds around the lengths that fingerprints tell apart.
    private static func bound(_ random: inout SeededGenerator) -> Int {
        [0, 1, 2, 3, 5, 8, 11, 16, 17, 20, 25, 40, 128, 140, 200].randomElement(using: &random) ?? 0
    }

    private static func text(_ random: inout SeededGenerator, depth: Int) -> ByteRegex {
        if depth == 0 { return .union(units.shuffled(using: &random).dropLast(Int.random(in: 0..<units.count, using: &random))) }
        func inner() -> ByteRegex { text(&random, depth: depth - 1) }
        switch Int.random(in: 0..<8, using: &random) {
        case 0...1: return .concatenation([inner(), inner()])
        case 2: return .union([inner(), inner()])
        case 3: return .intersection([inner(), .repetition(.union(units), minimum: 0, maximum: nil), .complement(inner())])
        case 4: return .optional(inner())
        default:
            let minimum = bound(&random) / 4
            return .repetition(inner(), minimum: minimum, maximum: Bool.random(using: &random) ? nil : minimum + bound(&random))
        }
    }

    @Test("masks are those of the intersection, and of what is accepted")
    func agreement() throws {
        var random = SeededGenerator(seed: 5)
        var texts: [[UInt8]?] = [nil]
        let letters = ["a", "b", "ca", "cba", "cbb"].map { Array($0.utf8) }
        for length in [1, 1, 2, 2, 3, 4, 5, 6, 8, 12, 16, 40, 130] {
            for _ in 0..<6 {
                let runs = Bool.random(using: &random) ? letters : [letters.randomElement(using: &random) ?? []]
                let whole = (0..<length).flatMap { _ in runs.randomElement(using: &random) ?? [] }
                texts += [whole, whole + [0x64], [0x64] + whole, Array(whole.dropFirst()), whole + [0x63], whole + [0x64, 0x64]]
            }
        }
        let vocabulary = TokenVocabulary(texts.map { $0?.isEmpty == true ? nil : $0 }, endTokens: [0])
        var limits = ConstraintLimits()
        limits.heavyTokens = -1
        var (mask, wanted) = (TokenMask(tokenCount: vocabulary.count), TokenMask(tokenCount: vocabulary.count))
        var masks = 0
        for round in 0..<300 {
            let text = Self.text(&random, depth: 3)
            let minimum = Self.bound(&random)
            let maximum = round % 4 == 0 ? nil : minimum + Self.bound(&random)
            let unit = ByteRegex.union(Self.units)
            func constraint(_ regex: ByteRegex) throws -> CompiledConstraint {
                var grammar = Grammar()
                grammar.start = grammar.rule([[grammar.text("d"), grammar.terminal(.concatenation([regex, .text("d")])), .rule(0)], []])
                return try CompiledConstraint(grammar, limits: limits)
            }
            let counted = try? constraint(.counted(text, unit: unit, minimum: minimum, maximum: maximum))
            let defined = try? constraint(.intersection([text, .repetition(unit, minimum: minimum, maximum: maximum)]))
            guard let counted, let defined else {
                #expect((counted == nil) == (defined == nil), "round \(round)")
                continue
            }
            var (matcher, definition) = (ConstraintMatcher(counted, vocabulary), ConstraintMatcher(defined, vocabulary))
            for _ in 0..<12 {
                try matcher.mask(into: &mask)
                try definition.mask(into: &wanted)
                masks += 1
                if mask != wanted {
                    Issue.record(
                        "round \(round) after \(String(decoding: matcher.bytes, as: UTF8.self)): \(mask.tokens), not \(wanted.tokens)")
                    break
                }
                guard let token = mask.tokens.filter({ $0 != 0 }).randomElement(using: &random) else { break }
                #expect(try matcher.accept(token: token) && definition.accept(token: token))
            }
        }
        #expect(masks > 1000)
    }

    @Test("no text is begun whose length cannot come to lie within its bounds", arguments: [false, true])
    func gaps(_ repeats: Bool) throws {
        // a, or a with seven and more letters.
        let long = ByteRegex.concatenation([
            .repetition(.text("b"), minimum: 6, maximum: 6), .repetition(.text("b"), minimum: 0, maximum: nil),
        ])
        let text = ByteRegex.concatenation([.text("a"), .repetition(long, minimum: 0, maximum: repeats ? nil : 3)])
        func matches(_ minimum: Int, _ maximum: Int?) -> Bool {
            let counted = ByteRegex.counted(text, unit: .set(ByteSet("ab".utf8)), minimum: minimum, maximum: maximum)
            return (try? CompiledConstraint(Grammar(counted))) != nil
        }
        for minimum in 2...6 {
            for maximum in minimum...6 { #expect(!matches(minimum, maximum), "\(minimum) to \(maximum)") }
            #expect(matches(minimum, 7) && matches(minimum, nil))
        }
        #expect(matches(0, 6) && matches(1, 1) && !matches(0, 0))
    }

    @Test("far from its bounds a text behaves as without them, and all minimums beyond a token are alike")
    func alike() throws {
        let limits = ConstraintLimits()
        var arena = RegexArena(limits)
        /// Up to 16 bytes.
        func fingerprint(_ pattern: String, _ minimum: Int, _ maximum: Int?) throws -> RegexFingerprint {
            let text = try RegexReader.read(pattern, mode: .whole).bytes()
            let unit = CharacterRegex.set(.all).bytes()
            let node = try arena.read(.counted(text, unit: unit, minimum: minimum, maximum: maximum), limits)
            return arena.fingerprint(node, horizon: 2)
        }
        let words = #"(\S+\s+){0,49}\S+"#
        let free = try fingerprint(words, 0, nil)
        for maximum in [40, 199, 200, 500] { #expect(try fingerprint(words, 0, maximum) == free) }
        #expect(try fingerprint(words, 0, 16) != free)
        #expect(try fingerprint(words, 30, 500) == fingerprint(words, 29, 200) && fingerprint(words, 30, 500) != free)
        #expect(try fingerprint(words, 5, 500) == fingerprint(words, 5, 200) && fingerprint(words, 5, 500) != fingerprint(words, 6, 500))
        // Where a text cannot be made longer, whether it can be long enough is decided far ahead.
        #expect(try fingerprint("[a-z]{1,100}[0-9]", 90, 200) != fingerprint("[a-z]{1,100}[0-9]", 95, 200))
        #expect(try fingerprint("(abc){0,200}", 100, 100) != fingerprint("(abc){0,200}", 99, 99))
        // Nor where what follows a beginning may be long.
        #expect(try fingerprint("a|b.{90}", 0, 95) != fingerprint("a|b.{90}", 0, 80))
    }
}
