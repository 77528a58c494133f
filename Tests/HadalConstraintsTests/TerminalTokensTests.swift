import HadalCore
import TestSupport
import Testing

@testable import HadalConstraints

@Suite("What tokens do to terminals")
struct TerminalTokensTests {
    /// Counts around the lengths that fingerprints tell apart, with tokens as long as that: states that share what a vocabulary's tokens
    /// do to them must not differ.
    @Test func countedTerminalsShareOnlyWhatIsAlike() throws {
        var random = SeededGenerator(seed: 8)
        var texts: [[UInt8]?] = [nil]
        for length in [1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 18, 30, 60, 127, 128, 129, 130, 140] {
            for letter in Array("ab".utf8) {
                let run = [UInt8](repeating: letter, count: length)
                texts += [run, run + [0x63], [0x63] + run, run + [0x63, 0x61], run.dropLast() + [0x62]]
            }
        }
        let vocabulary = TokenVocabulary(texts, endTokens: [0])
        let counts = [0, 1, 2, 3, 4, 5, 7, 8, 9, 14, 16, 17, 18, 100, 127, 128, 129, 130, 131, 200, 300]
        var limits = ConstraintLimits()
        limits.heavyTokens = -1
        var mask = TokenMask(tokenCount: vocabulary.count)
        for round in 0..<400 {
            func counted() -> ByteRegex {
                let minimum = counts.randomElement(using: &random) ?? 0
                let maximum = Bool.random(using: &random) ? nil : counts.filter { $0 >= minimum }.randomElement(using: &random)
                let letter: ByteRegex = [.text("a"), .set(ByteSet("ab".utf8)), .union([.text("a"), .text("ab")])][round % 3]
                return .repetition(letter, minimum: minimum, maximum: maximum)
            }
            var regex = counted()
            switch Int.random(in: 0..<6, using: &random) {
            case 0: regex = .intersection([regex, counted()])
            case 1: regex = .union([.concatenation([regex, .text("c")]), counted()])
            case 2: regex = .concatenation([regex, .text("c"), counted()])
            case 3: regex = .intersection([.concatenation([regex, .optional(.text("c"))]), .complement(counted())])
            default: break
            }
            var grammar = Grammar()
            grammar.start = grammar.rule([[grammar.terminal(regex), grammar.text("ca")], [grammar.terminal(regex), grammar.text("b")]])
            guard let constraint = try? CompiledConstraint(grammar, limits: limits) else { continue }
            var matcher = ConstraintMatcher(constraint, vocabulary)
            for _ in 0..<4 {
                try matcher.mask(into: &mask)
                var allowed: [Int] = []
                for token in texts.indices {
                    let before = matcher.checkpoint
                    if try matcher.accept(token: token) { allowed.append(token) }
                    matcher.rollBack(to: before)
                }
                if mask.tokens != allowed { Issue.record("round \(round): \(mask.tokens) and not \(allowed)") }
                guard let token = allowed.filter({ $0 != 0 }).randomElement(using: &random) else { break }
                _ = try matcher.accept(token: token)
            }
        }
    }

    /// The names of an object's other properties, as schemas have them: known from those of any string.
    @Test func stringsWithoutSomeAgreeWithAcceptingEachToken() throws {
        var random = SeededGenerator(seed: 12)
        var texts: [[UInt8]?] = [nil]
        for _ in 0..<400 {
            texts.append((0..<Int.random(in: 1...6, using: &random)).map { _ in Array("ab\"c".utf8).randomElement(using: &random) ?? 0x61 })
        }
        let vocabulary = TokenVocabulary(texts, endTokens: [0])
        var limits = ConstraintLimits()
        limits.heavyTokens = 10
        var mask = TokenMask(tokenCount: vocabulary.count)
        for round in 0..<200 {
            func name() -> ByteRegex {
                .bytes((0..<Int.random(in: 0...4, using: &random)).map { _ in Array("abc".utf8).randomElement(using: &random) ?? 0x61 })
            }
            let any = ByteRegex.repetition(.set(ByteSet("abc".utf8)), minimum: 0, maximum: nil)
            let names = ByteRegex.union((0..<Int.random(in: 1...5, using: &random)).map { _ in name() })
            var other = ByteRegex.intersection([any, .complement(names)])
            if round % 5 == 0 { other = .intersection([other, .complement(.concatenation([any, name(), any]))]) }
            if round % 7 == 0 { other = .union([other, .concatenation([name(), .text("\"a"), any])]) }
            var grammar = Grammar()
            let key = grammar.terminal(.concatenation([.text("\""), other, .text("\"")]))
            let pair = grammar.rule([
                [key, grammar.text("a")], [key, grammar.text("b"), key], [grammar.terminal(.concatenation([.text("\""), names]))],
            ])
            grammar.start = grammar.rule([[], [pair, .rule(0), key]])
            guard let constraint = try? CompiledConstraint(grammar, limits: limits) else { continue }
            var matcher = ConstraintMatcher(constraint, vocabulary)
            for _ in 0..<6 {
                try matcher.mask(into: &mask)
                var allowed: [Int] = []
                for token in texts.indices {
                    let before = matcher.checkpoint
                    if try matcher.accept(token: token) { allowed.append(token) }
                    matcher.rollBack(to: before)
                }
                if mask.tokens != allowed { Issue.record("round \(round): \(mask.tokens) and not \(allowed)") }
                guard let token = allowed.filter({ $0 != 0 }).randomElement(using: &random) else { break }
                _ = try matcher.accept(token: token)
            }
        }
    }

    @Test func masksBelongToTheirVocabulary() throws {
        let constraint = try CompiledConstraint(Grammar(.repetition(.set(ByteSet("ab".utf8)), minimum: 1, maximum: nil)))
        for texts: [[UInt8]?] in [[[0x61], [0x63], nil], [[0x63], [0x62], nil], [nil, [0x61, 0x62], [0x62]]] {
            let vocabulary = TokenVocabulary(texts, endTokens: [])
            var matcher = ConstraintMatcher(constraint, vocabulary)
            var mask = TokenMask(tokenCount: texts.count)
            try matcher.mask(into: &mask)
            #expect(mask.tokens == texts.indices.filter { texts[$0].map { !$0.contains(0x63) } ?? false })
        }
    }
}
