import ConstraintTestSupport
import HadalCore
import TestSupport
import Testing

@testable import HadalConstraints

@Suite("Matching texts of grammars")
struct MatcherTests {
    static let vocabulary: TokenVocabulary = {
        var texts: [[UInt8]?] = [nil, []]
        for first in RandomGrammar.letters {
            texts.append([first])
            for second in RandomGrammar.letters {
                texts.append([first, second])
                for third in RandomGrammar.letters { texts.append([first, second, third, first, first]) }
            }
        }
        texts.append([0x61])
        texts.append(nil)
        return TokenVocabulary(texts, endTokens: [0, 9999])
    }()

    private func compiled(_ grammar: Grammar, heavyTokens: Int32 = 2500) -> CompiledConstraint? {
        var limits = ConstraintLimits()
        limits.heavyTokens = heavyTokens
        do {
            return try CompiledConstraint(grammar, limits: limits)
        } catch let error as HadalError {
            #expect(error.code == .invalidArgument, "\(error)")
        } catch { Issue.record("\(error)") }
        return nil
    }

    @Test func expressionsAgreeWithTheirDefinition() throws {
        var random = SeededGenerator(seed: 1)
        for round in 0..<6000 {
            let regex = RandomGrammar.regex(&random, depth: 4)
            var grammar = Grammar()
            grammar.start = grammar.terminal(regex)
            let constraint = compiled(grammar)
            for _ in 0..<6 {
                let text = RandomGrammar.text(&random, 6)
                var matches = false
                if let constraint {
                    var matcher = ConstraintMatcher(constraint, Self.vocabulary)
                    matches = try matcher.accept(bytes: text)
                    if matches { matches = try matcher.canEnd() }
                }
                let expected = NaiveRegex.matches(regex, text)
                if matches != expected { Issue.record("round \(round): \(text) of \(regex)") }
            }
        }
    }

    @Test func grammarsAgreeWithTheirDefinition() throws {
        var random = SeededGenerator(seed: 2)
        for round in 0..<6000 {
            let grammar = RandomGrammar.grammar(&random)
            let constraint = compiled(grammar)
            for _ in 0..<5 {
                let text = RandomGrammar.text(&random, 7)
                var matches = false
                if let constraint {
                    var matcher = ConstraintMatcher(constraint, Self.vocabulary)
                    // In two pieces, so that the parts are used as well.
                    let middle = text.count / 2
                    matches = try matcher.accept(bytes: text[..<middle])
                    if matches { matches = try matcher.accept(bytes: text[middle...]) }
                    if matches { matches = try matcher.canEnd() }
                }
                let expected = NaiveGrammar.matches(grammar, text)
                if matches != expected { Issue.record("round \(round): \(text), expected \(expected), of \(grammar)") }
            }
        }
    }

    /// Whether some continuation of at most `length` bytes ends the text; nil where that is not decided.
    private func canBeCompleted(_ matcher: ConstraintMatcher, length: Int) throws -> Bool? {
        var open = [matcher]
        var seen: Set<Int32> = []
        for _ in 0...length {
            var next: [ConstraintMatcher] = []
            for var matcher in open {
                if try matcher.canEnd() { return true }
                for byte in RandomGrammar.letters + [0x64] {
                    var longer = matcher
                    guard try longer.accept(bytes: [byte]) else { continue }
                    if seen.insert(try longer.run { $1 }).inserted { next.append(longer) }
                }
            }
            if next.isEmpty { return false }
            open = next
            if open.count > 200 { return nil }
        }
        return nil
    }

    @Test func whatIsAliveCanBeCompleted() throws {
        var random = SeededGenerator(seed: 3)
        var decided = 0
        for round in 0..<2000 {
            guard let constraint = compiled(RandomGrammar.grammar(&random)) else { continue }
            var matcher = ConstraintMatcher(constraint, Self.vocabulary)
            guard try matcher.accept(bytes: RandomGrammar.text(&random, 4)) else { continue }
            guard let answer = try canBeCompleted(matcher, length: 30) else { continue }
            decided += 1
            if !answer { Issue.record("round \(round)") }
        }
        #expect(decided > 400)
    }

    @Test(arguments: [Int32(2500), 3, -1])
    func masksAgreeWithAcceptingEachToken(heavyTokens: Int32) throws {
        var random = SeededGenerator(seed: 4)
        var mask = TokenMask(tokenCount: Self.vocabulary.count)
        for round in 0..<1500 {
            guard let constraint = compiled(RandomGrammar.grammar(&random), heavyTokens: heavyTokens) else { continue }
            var matcher = ConstraintMatcher(constraint, Self.vocabulary)
            for _ in 0..<4 {
                try matcher.mask(into: &mask)
                var allowed: [Int] = []
                for token in Self.vocabulary.texts.indices {
                    let before = matcher.checkpoint
                    if try matcher.accept(token: token) { allowed.append(token) }
                    matcher.rollBack(to: before)
                }
                if mask.tokens != allowed { Issue.record("round \(round): \(mask.tokens) and not \(allowed)") }
                let canEnd = try matcher.canEnd()
                #expect(mask.contains(0) == canEnd)
                if try matcher.isFinished() { #expect(canEnd && mask.count == 1) }
                let forced = try matcher.forcedBytes()
                if !forced.isEmpty {
                    #expect(!canEnd)
                    for token in allowed {
                        let text = Self.vocabulary.texts[token] ?? []
                        #expect(text.starts(with: forced) || forced.starts(with: text))
                    }
                }
                guard let token = allowed.filter({ $0 != 0 }).randomElement(using: &random) else { break }
                _ = try matcher.accept(token: token)
            }
        }
    }

    @Test func rollingBackIsNeverHavingGoneOn() throws {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<1000 {
            guard let constraint = compiled(RandomGrammar.grammar(&random)) else { continue }
            var matcher = ConstraintMatcher(constraint, Self.vocabulary)
            _ = try matcher.accept(bytes: RandomGrammar.text(&random, 3))
            let before = matcher
            let checkpoint = matcher.checkpoint
            for _ in 0..<3 { _ = try matcher.accept(token: Int.random(in: 0..<Self.vocabulary.count, using: &random)) }
            matcher.rollBack(to: checkpoint)
            #expect(matcher.bytes == before.bytes && matcher.isEnded == before.isEnded)
            var a = matcher
            var b = before
            #expect(try a.run { $1 } == b.run { $1 })
        }
    }

    @Test func oneConstraintServesManyThreads() async throws {
        var limits = ConstraintLimits()
        limits.derivedMemory = 3_000_000
        let constraint = try CompiledConstraint(try GBNFReader.read("root ::= \"a\" root \"b\" | [a-c]{3} | root root"), limits: limits)
        let results = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var random = SeededGenerator(seed: 11)
                    var counts: [Int] = []
                    for _ in 0..<20 {
                        var matcher = ConstraintMatcher(constraint, Self.vocabulary)
                        var mask = TokenMask(tokenCount: Self.vocabulary.count)
                        for _ in 0..<8 {
                            try matcher.mask(into: &mask)
                            counts.append(mask.count)
                            guard let token = mask.tokens.filter({ $0 != 0 }).randomElement(using: &random) else { break }
                            #expect(try matcher.accept(token: token))
                        }
                    }
                    return counts
                }
            }
            return try await group.reduce(into: [[Int]]()) { $0.append($1) }
        }
        #expect(!results[0].isEmpty && results.allSatisfy { $0 == results[0] })
    }
}
