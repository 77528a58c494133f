import HadalCore
import TestSupport
import Testing

@testable import HadalConstraints

@Suite("Limits of constraints")
struct LimitTests {
    private func matcher(_ pattern: String, mode: RegexReader.Mode = .whole) throws -> ConstraintMatcher {
        let grammar = Grammar(try RegexReader.read(pattern, mode: mode).bytes())
        return ConstraintMatcher(try CompiledConstraint(grammar), GrammarReaderTests.vocabulary)
    }

    private func accepts(_ pattern: String, _ text: String, mode: RegexReader.Mode = .whole) throws -> Bool {
        var matcher = try matcher(pattern, mode: mode)
        guard try matcher.accept(bytes: Array(text.utf8)) else { return false }
        return try matcher.canEnd()
    }

    @Test func expressionsThatOthersHangOn() throws {
        let long = String(repeating: "a", count: 3000)
        #expect(try accepts("(a|aa)*b", long + "b") && !accepts("(a|aa)*b", long))
        #expect(try accepts("((a*)*)*b", long + "b") && accepts("(a?){500}a{500}", String(repeating: "a", count: 700)))
        #expect(try accepts(".{0,1000}x.{0,1000}", String(long.prefix(900)) + "x") && !accepts(".{0,1000}x.{0,1000}", long))
        #expect(try accepts("a{1000000000}|a", "a") && accepts("(a{0,100000}){0,100000}", long))
        #expect(try accepts("(x+x+)+y", String(repeating: "x", count: 2000) + "y"))
        #expect(try accepts("^(?=.*a)(?=.*b)(?=.*c)(?=.*d)(?=.*e).{5,5000}$", "edcba" + long, mode: .search))
        #expect(try !accepts("^(?!.*(a|b).*c).*$", "xxbxxc", mode: .search))
    }

    @Test func tooManyStatesAreRefusedOrForgotten() throws {
        // Subsets of the places at which an "a" stood: 2^400 states, of which a text meets one a byte.
        var limits = ConstraintLimits()
        limits.derivedMemory = 8 << 20
        let grammar = Grammar(try RegexReader.read("(.*a.{400})|b", mode: .whole).bytes())
        let constraint = try CompiledConstraint(grammar, limits: limits)
        var matcher = ConstraintMatcher(constraint, GrammarReaderTests.vocabulary)
        var random = SeededGenerator(seed: 1)
        do {
            for _ in 0..<3000 { _ = try matcher.accept(bytes: [Bool.random(using: &random) ? 0x61 : 0x62]) }
        } catch let error as HadalError { #expect(error.code == .limitExceeded) }
        // The constraint goes on to serve others.
        var other = ConstraintMatcher(constraint, GrammarReaderTests.vocabulary)
        #expect(try other.accept(bytes: [0x62]))
        #expect(try other.canEnd())
    }

    @Test func emptinessThatTakesTooLongIsRefused() throws {
        var limits = ConstraintLimits()
        limits.emptinessStates = 20
        let parts = ["(..)*", "(...)*", "(.....)*", "(.......)*"].map { "(?=\($0)a$)" }.joined()
        let grammar = Grammar(try RegexReader.read("^\(parts)(?!.{0,3}$).*b?a$", mode: .search).bytes())
        expectError(.limitExceeded) { try CompiledConstraint(grammar, limits: limits) }
        #expect(throws: Never.self) { try CompiledConstraint(grammar) }
    }

    @Test func workIsBoundedInsideOneState() throws {
        // One row of derivatives that takes more than is allowed, as it is and behind others.
        var limits = ConstraintLimits()
        limits.work = 3000
        let wide = ByteRegex.union(
            (0..<400).map { .concatenation([.optional(.text("\($0)")), .repetition(.text("\($0)x"), minimum: 0, maximum: 9)]) })
        expectError(.limitExceeded, "steps") {
            var matcher = ConstraintMatcher(try CompiledConstraint(Grammar(wide), limits: limits), GrammarReaderTests.vocabulary)
            return try matcher.accept(bytes: [0x31])
        }
        var matcher = ConstraintMatcher(try CompiledConstraint(Grammar(wide)), GrammarReaderTests.vocabulary)
        #expect(try matcher.accept(bytes: Array("3939x39x".utf8)))
        #expect(try matcher.canEnd())
    }

    @Test func emptiedTablesAreMadeAgain() throws {
        var limits = ConstraintLimits()
        limits.derivedMemory = 160_000
        let constraint = try CompiledConstraint(
            try GBNFReader.read("root ::= \"(\" root \")\" | [a-z]{3} | root \",\" root"), limits: limits)
        let unlimited = try CompiledConstraint(try GBNFReader.read("root ::= \"(\" root \")\" | [a-z]{3} | root \",\" root"))
        var random = SeededGenerator(seed: 9)
        var emptied = 0
        var generation = constraint.start.generation
        for _ in 0..<30 {
            var a = ConstraintMatcher(constraint, GrammarReaderTests.vocabulary)
            var b = ConstraintMatcher(unlimited, GrammarReaderTests.vocabulary)
            var masks = (TokenMask(tokenCount: 257), TokenMask(tokenCount: 257))
            for _ in 0..<60 {
                try a.mask(into: &masks.0)
                try b.mask(into: &masks.1)
                #expect(masks.0 == masks.1)
                guard let token = masks.1.tokens.filter({ $0 != 256 && $0 != 0x29 }).randomElement(using: &random) else { break }
                let checkpoint = a.checkpoint
                #expect(try a.accept(token: token))
                if Bool.random(using: &random) {
                    a.rollBack(to: checkpoint)
                    #expect(try a.accept(token: token))
                }
                _ = try b.accept(token: token)
            }
            if constraint.start.generation != generation { emptied += 1 }
            generation = constraint.start.generation
        }
        #expect(emptied > 0)
    }

    @Test func listsDoNotGrow() throws {
        for text in ["root ::= \"\" | x root\nx ::= \"a\" | \"(\" root \")\"", "root ::= \"\" | root x\nx ::= \"a\" | \"(\" root \")\""] {
            let constraint = try CompiledConstraint(try GBNFReader.read(text))
            var matcher = ConstraintMatcher(constraint, GrammarReaderTests.vocabulary)
            #expect(try matcher.accept(bytes: Array("a(a)a".utf8)))
            let before = try matcher.run { tables, _ in tables.itemSets.count }
            #expect(try matcher.accept(bytes: Array(repeating: Array("a(a)".utf8), count: 1000).joined()))
            #expect(try matcher.run { tables, _ in tables.itemSets.count } <= before + 8)
        }
    }

    @Test func deepNesting() throws {
        let constraint = try CompiledConstraint(try GBNFReader.read("root ::= \"(\" root \")\" | \"x\""))
        var matcher = ConstraintMatcher(constraint, GrammarReaderTests.vocabulary)
        #expect(try matcher.accept(bytes: Array(repeating: 0x28, count: 20_000)))
        #expect(try matcher.accept(bytes: [0x78]))
        #expect(try matcher.accept(bytes: Array(repeating: 0x29, count: 20_000)))
        #expect(try matcher.canEnd())
        #expect(try matcher.isFinished())
        var deep = ByteRegex.text("a")
        for level in 0..<70 {
            deep = .repetition(.union([.concatenation([deep, .text("b")]), .complement(.text("\(level)"))]), minimum: 0, maximum: 3)
            if level < 8 { deep = .union([.concatenation([deep, .text("b")]), .complement(deep)]) }
        }
        var inside = ConstraintMatcher(try CompiledConstraint(Grammar(deep)), GrammarReaderTests.vocabulary)
        #expect(try inside.accept(bytes: Array("aab".utf8)))
        var nested = ByteRegex.text("a")
        for _ in 0..<1000 { nested = .complement(.concatenation([nested, .text("a")])) }
        expectError(.limitExceeded) { try CompiledConstraint(Grammar(nested)) }
    }

    @Test func ambiguityIsBounded() throws {
        let constraint = try CompiledConstraint(try GBNFReader.read("root ::= root root | \"a\" | root root root | \"\""))
        var matcher = ConstraintMatcher(constraint, GrammarReaderTests.vocabulary)
        #expect(try matcher.accept(bytes: Array(repeating: 0x61, count: 60)))
        #expect(try matcher.canEnd())
    }

    @Test func grammarsThatMatchNothing() throws {
        expectError(.invalidArgument) { try CompiledConstraint(try GBNFReader.read("root ::= \"a\" root")) }
        expectError(.invalidArgument) { try CompiledConstraint(Grammar(.intersection([.text("a"), .text("b")]))) }
        expectError(.invalidArgument) { try CompiledConstraint(Grammar(.repetition(.text("a"), minimum: 3, maximum: 2))) }
        var outside = Grammar()
        outside.start = .rule(7)
        expectError(.invalidArgument) { try CompiledConstraint(outside) }
    }

    @Test func forcedTokensLeaveOutWhatMayMerge() throws {
        let texts = ["{", "\"", "name", "\":", " ", "\": ", "na", "me", "n", "a", "x", "}", ":", "\"}", "e\""].map {
            Optional(Array($0.utf8))
        }
        let vocabulary = TokenVocabulary(texts + [nil], endTokens: [texts.count])
        func tokens(_ names: [String]) -> [Int] {
            names.compactMap { name in texts.firstIndex { $0.map { $0 == Array(name.utf8) } ?? false } }
        }
        func forced(_ grammar: String, _ split: [String]) throws -> [Int] {
            var matcher = ConstraintMatcher(try CompiledConstraint(try GBNFReader.read(grammar)), vocabulary)
            return try matcher.forcedTokens { bytes in
                #expect(bytes == split.flatMap { Array($0.utf8) })
                return tokens(split)
            }
        }
        // A space may follow, and `": ` is one token; a closing quote at the end of the text merges with nothing.
        #expect(try forced(#"root ::= "{\"name\":" " "? "x" "#, ["{", "\"", "name", "\":"]) == tokens(["{", "\"", "name"]))
        #expect(try forced(#"root ::= "{\"name\":" ("x" | "{")"#, ["{", "\"", "name", "\":"]) == tokens(["{", "\"", "name", "\":"]))
        #expect(try forced(#"root ::= "name\"""#, ["name", "\""]) == tokens(["name", "\""]))
        #expect(try forced(#"root ::= "name\"" "}"?"#, ["name", "\""]) == tokens(["name"]))
    }
}
