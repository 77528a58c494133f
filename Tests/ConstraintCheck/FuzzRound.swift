import ConstraintTestSupport
import HadalConstraints
import HadalCore
import TestSupport

/// One random constraint and what is done with it. All follows from the seed.
struct FuzzRound {
    /// What was found wrong.
    struct Finding: Error, CustomStringConvertible { let description: String }

    private static let bytes = TokenVocabulary((0...255).map { [UInt8($0)] } + [nil], endTokens: [256])
    /// Bytes, and tokens of a few bytes that occur in JSON and in the random texts.
    private static let tokens: TokenVocabulary = {
        let texts = [
            "aa", "ab", "abc", "{\"", "\":", "\": ", ", \"", "\",", "},", "[[", "]]", "true", "null", "12", "0.", "e1", "-1", "\\u00", "é",
            "\n  ",
            "bb", "cab",
        ]
        return TokenVocabulary((0...255).map { [UInt8($0)] } + [nil] + texts.map { Array($0.utf8) }, endTokens: [256])
    }()

    private let seed: UInt64
    private var random: SeededGenerator

    init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
    }

    /// In every other round terminals are looked at by themselves, as with a vocabulary of many tokens.
    private var limits: ConstraintLimits {
        var limits = ConstraintLimits()
        if seed / 7 % 2 == 0 { limits.heavyTokens = -1 }
        return limits
    }

    private mutating func below(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }

    /// - Returns: what kind of constraint it was, and what became of it.
    /// - Throws: `Finding`, and errors that readers and matchers must not throw.
    mutating func run() throws -> String {
        switch seed % 7 {
        case 0, 1: try read("schema", codes: [.unsupported, .malformed, .limitExceeded]) { try $0.schema() }
        case 2: try grammar()
        case 3: try read("expression", codes: [.unsupported, .malformed, .limitExceeded]) { try $0.expression() }
        case 4: try read("GBNF", codes: [.unsupported, .malformed, .limitExceeded, .notFound]) { try $0.gbnf() }
        case 5: try read("bounded", codes: [.unsupported, .malformed, .limitExceeded]) { try $0.bounded() }
        default: try read("bytes", codes: [.unsupported, .malformed, .limitExceeded, .notFound]) { try $0.anything() }
        }
    }

    private mutating func read(
        _ kind: String, codes: Set<HadalError.Code>, _ make: (inout FuzzRound) throws -> Grammar
    ) throws -> String {
        let constraint: CompiledConstraint
        do { constraint = try CompiledConstraint(try make(&self), limits: limits) } catch let error as HadalError {
            // What matches nothing is told by the grammar.
            guard codes.union([.invalidArgument]).contains(error.code) else { throw error }
            return "\(kind), refused"
        }
        return try walk(constraint) ? "\(kind), read" : "\(kind), given up"
    }

    // MARK: Walking

    /// Goes on with what masks allow, which must be what is accepted, and must never be nothing.
    ///
    /// - Returns: false where it took more than is allowed.
    private mutating func walk(_ constraint: CompiledConstraint) throws -> Bool {
        let vocabulary = below(2) == 0 ? Self.bytes : Self.tokens
        var matcher = ConstraintMatcher(constraint, vocabulary)
        var mask = TokenMask(tokenCount: vocabulary.count)
        do {
            for place in 0..<24 {
                try matcher.mask(into: &mask)
                if place < 3 {
                    for token in 0..<vocabulary.count {
                        let checkpoint = matcher.checkpoint
                        let accepts = try matcher.accept(token: token)
                        matcher.rollBack(to: checkpoint)
                        guard accepts == mask.contains(token) else {
                            throw finding("token \(token) is \(accepts ? "accepted" : "refused")", matcher)
                        }
                    }
                }
                guard let token = mask.tokens.randomElement(using: &random) else { throw finding("nothing may follow", matcher) }
                guard try matcher.accept(token: token) else { throw finding("token \(token) is refused", matcher) }
                if matcher.isEnded { break }
                if try matcher.isFinished() { break }
            }
        } catch let error as HadalError where error.code == .limitExceeded { return false }
        return true
    }

    private func finding(_ text: String, _ matcher: ConstraintMatcher) -> Finding {
        Finding(description: "\(text) after \(String(decoding: matcher.bytes, as: UTF8.self).debugDescription)")
    }

    // MARK: Making

    private mutating func schema() throws -> Grammar {
        var maker = RandomSchema(seed: seed)
        return try JSONSchemaReader.grammar(maker.schema(2 + below(4)))
    }

    /// What texts of few letters it matches, by definition and by matching.
    private mutating func grammar() throws -> String {
        let grammar = RandomGrammar.grammar(&random)
        let constraint: CompiledConstraint
        do { constraint = try CompiledConstraint(grammar, limits: limits) } catch let error as HadalError
            where error.code == .invalidArgument
        {
            return "grammar, refused"
        }
        for _ in 0..<6 {
            let text = RandomGrammar.text(&random, 6)
            var matcher = ConstraintMatcher(constraint, Self.bytes)
            let matches = try matcher.accept(bytes: text) && matcher.canEnd()
            guard matches == NaiveGrammar.matches(grammar, text) else { throw finding("\(text) is \(matches ? "a" : "no") match", matcher) }
        }
        return try walk(constraint) ? "grammar, read" : "grammar, given up"
    }

    private mutating func text(_ pieces: [String], _ longest: Int) -> String {
        (0..<1 + below(longest)).map { _ in pieces[below(pieces.count)] }.joined()
    }

    private mutating func expression() throws -> Grammar {
        Grammar(try RegexReader.read(pattern(), mode: below(2) == 0 ? .whole : .search).bytes())
    }

    /// A string with a pattern and bounds on its length.
    private mutating func bounded() throws -> Grammar {
        var schema = JSONObject()
        schema["type"] = JSON(.string("string"))
        schema["pattern"] = JSON(.string(below(2) == 0 ? "^(?:\(pattern()))$" : pattern()))
        let minimum = below(2) == 0 ? 0 : below(30)
        if minimum > 0 { schema["minLength"] = JSON(.int(Int64(minimum))) }
        if below(4) > 0 { schema["maxLength"] = JSON(.int(Int64(minimum + below(30)))) }
        return try JSONSchemaReader.grammar(JSON(.object(schema)))
    }

    private mutating func pattern() -> String {
        let pieces = [
            "a", "b", "é", ".", "\\s", "\\S", "\\d+", "\\w", "[a-c]", "[^a]", "(", ")", "(?:", "|", "*", "+", "?", "{2}", "{0,3}", "{1,}",
            "^", "$", "\\b",
            "(?=a)", "(?!b)", "(?<=a)", "(?<!a)", "\\p{L}", "\\u00e9", "\\", "[", "]", "\\1", "\\n", "(a|b)", "(\\S+\\s+){0,9}", "-", "😀",
            "{", "}",
        ]
        return text(pieces, 10)
    }

    private mutating func gbnf() throws -> Grammar {
        let pieces = [
            "\"a\"", "\"\\n\"", "\"é\"", "[a-c]", "[^\"\\\\]", "x", "y", "root", "(", ")", "|", "*", "+", "?", "{2}", "{0,3}", " ", "\n",
            "# note\n", ".", "\"",
            "[", "::=", "\\x41", "\nx ::= ", "\ny ::= ",
        ]
        if below(4) == 0 { return try GBNFReader.read("root ::= " + text(pieces, 8) + "\nx ::= \"x\"\ny ::= [a-b]") }
        let rules = ["root", "x", "y"].map { "\($0) ::= " + alternatives(depth: 2) }
        return try GBNFReader.read(rules.joined(separator: "\n"))
    }

    /// Alternatives of GBNF, well formed.
    private mutating func alternatives(depth: Int) -> String {
        let symbols = ["\"a\"", "\"b\"", "\"\\n\"", "\"é\"", "[a-c]", "[^\"\\\\]", "\"\\\\x41\"", "x", "y", "root"]
        return (0..<1 + below(3)).map { _ in
            (0..<1 + below(3)).map { _ in
                let symbol = depth > 0 && below(4) == 0 ? "(\(alternatives(depth: depth - 1)))" : symbols[below(symbols.count)]
                return symbol + ["", "", "", "*", "+", "?", "{2}", "{0,3}"][below(8)]
            }.joined(separator: " ")
        }.joined(separator: " | ")
    }

    private mutating func anything() throws -> Grammar {
        let common = Array("{}[]\"\\:,|()*+?.^$ab01-# \n".utf8)
        let bytes = (0..<below(60)).map { _ in below(3) == 0 ? UInt8(below(256)) : common[below(common.count)] }
        let text = String(decoding: bytes, as: UTF8.self)
        switch below(3) {
        case 0: return try JSONSchemaReader.grammar(JSONDocument(parsing: text, file: "fuzz"))
        case 1: return Grammar(try RegexReader.read(text, mode: .search).bytes())
        default: return try GBNFReader.read("root ::= " + text)
        }
    }
}
