import HadalConstraints
import HadalCore
import TestSupport
import Testing

@Suite("Grammars as users write them")
struct GrammarReaderTests {
    static let vocabulary = TokenVocabulary((0..<256).map { [UInt8($0)] } + [nil], endTokens: [256])

    static func matches(_ grammar: Grammar, _ text: String) throws -> Bool {
        var matcher = ConstraintMatcher(try CompiledConstraint(grammar), vocabulary)
        guard try matcher.accept(bytes: Array(text.utf8)) else { return false }
        return try matcher.canEnd()
    }

    static let json = #"""
        # JSON, as llama.cpp has it
        root   ::= object
        value  ::= object | array | string | number | ("true" | "false" | "null") ws

        object ::=
          "{" ws (
                    string ":" ws value
            ("," ws string ":" ws value)*
          )? "}" ws

        array  ::=
          "[" ws (
                    value
            ("," ws value)*
          )? "]" ws

        string ::=
          "\"" (
            [^"\\\x7F\x00-\x1F] |
            "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
          )* "\"" ws

        number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws

        # Optional space: by convention, applied in this grammar after literal chars when allowed
        ws ::= | " " | "\n" [ \t]{0,20}
        """#

    @Test func jsonOfLlamaCpp() throws {
        let grammar = try GBNFReader.read(Self.json)
        for text in [#"{}"#, "{\"a\": [1, -2.5e7, \"é\\u00e9\\n\", {\"b\":null}]}\n  ", "{ \"x\":true}"] {
            #expect(try Self.matches(grammar, text), "\(text)")
        }
        for text in ["", "[1]", "{\"a\":}", "{\"a\":01}", "{\"\u{1}\":1}", "{}  "] {
            #expect(try !Self.matches(grammar, text), "\(text)")
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var grammar: String
        var yes: [String]
        var no: [String]
        var testDescription: String { grammar }
    }

    @Test(arguments: [
        Case(grammar: "root ::= \"a\" | \"b\"\n  | \"c\"\n", yes: ["a", "b", "c"], no: ["", "ab"]),
        Case(grammar: "root ::= x-1 x_2\nx-1 ::= \"é\" # one\n#two\nx_2 ::= .", yes: ["é\n", "é😀"], no: ["é", "x"]),
        Case(grammar: #"root ::= "\x41\u00e9\U0001F600" [\x61-c] [^\]a-] [a-]"#, yes: ["Aé😀bx-"], no: ["Aé😀b]-", "Aé😀b--"]),
        Case(
            grammar: "root ::= (\"ab\"* \"c\"){2} | [0-9]{2,} | \"x\" {1,2}", yes: ["ababcc", "cabc", "00", "123", "x", "xx"],
            no: ["c", "1"]),
        Case(grammar: "root ::= root \"+\" root | \"1\" | \"(\" root \")\"", yes: ["1+1+(1+1)", "((1))"], no: ["1+", "(1"]),
        Case(grammar: "root ::= \"(\" root \")\" | ( root \"x\" root ){2} |", yes: ["()", "(())", "xx", "(x()x)"], no: ["(", "x"]),
        Case(
            grammar: "root ::= a{2} (b root){0,2}\na ::= \"a\" | a \"'\"\nb ::= \"b\"", yes: ["aa", "a'a''", "aabaaba'a"], no: ["a", "aab"]),
    ])
    func languages(_ item: Case) throws {
        let grammar = try GBNFReader.read(item.grammar)
        for text in item.yes { #expect(try Self.matches(grammar, text), "\(text)") }
        for text in item.no { #expect(try !Self.matches(grammar, text), "\(text)") }
    }

    @Test(arguments: [
        ("a ::= \"x\"", HadalError.Code.notFound, "'root'"), ("root ::= a\n| b\na ::= \"\"", .notFound, "g:2:3: the rule 'b'"),
        ("root ::= \"a", .malformed, "g:1:10"), ("root ::= [a", .malformed, "g:1:10"), ("root ::= (\"a\"", .malformed, "g:1:10"),
        ("root ::= \"a\")", .malformed, "g:1:13"), ("root = \"a\"", .malformed, "g:1:6"), ("\n  root ::= *", .malformed, "g:2:12"),
        ("root ::= \"a\"{3,2}", .malformed, "g:1:13"), ("root ::= \"a\"{x}", .malformed, "g:1:14"),
        (#"root ::= "é\q""#, .malformed, "g:1:13"),
        ("root ::= [b-a]", .malformed, "g:1:11"), ("root ::= \"a\"\nroot ::= \"b\"", .malformed, "g:2:1"),
        ("root ::= <think> \"a\"", .unsupported, "g:1:10"), ("root ::= \"a\" !<[12]>", .unsupported, "g:1:14"),
        ("root ::= \"a\"{99999999999}", .limitExceeded, "g:1:14"), (#"root ::= "\U00110000""#, .malformed, "g:1:11"),
        ("root ::= " + String(repeating: "(", count: 500), .limitExceeded, "g:1:"), ("root ::= \"a\" %", .malformed, "g:1:14"),
        ("root ::= root \"a\" | x{999999}\nx ::= root", .limitExceeded, "symbols"),
    ])
    func refusals(text: String, code: HadalError.Code, message: String) {
        expectError(code, message) { try GBNFReader.read(text, name: "g") }
    }

    @Test func anyTextReadsWithoutHarm() throws {
        var random = SeededGenerator(seed: 6)
        let pieces = ["root", " ::= ", "a", "\"x\"", "[a-z]", "[^", "(", ")", "*", "{2,3}", "|", "\n", "#", "\\", ".", "\"", "é", "<", " "]
        for _ in 0..<5000 {
            let text =
                "root ::= " + (0..<Int.random(in: 0...12, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
            guard let grammar = try? GBNFReader.read(text) else { continue }
            _ = try? CompiledConstraint(grammar)
        }
    }

    @Test func compositions() throws {
        let a = Grammar(.text("a"))
        let b = Grammar(.repetition(.text("b"), minimum: 1, maximum: nil))
        #expect(try Self.matches(.sequence([a, b]), "abb") && !Self.matches(.sequence([a, b]), "a"))
        #expect(try Self.matches(.choice([a, b]), "a") && Self.matches(.choice([a, b]), "bb") && !Self.matches(.choice([a, b]), "ab"))
        let free = Grammar.freeText(until: "</t></t>x", then: .choice([a, .sequence([b, a])]))
        for text in ["</t></t>xa", "I \u{1F600} </t></t></t>xbba", "x</t></t>xa"] { #expect(try Self.matches(free, text)) }
        for text in ["</t></t>x", "a", "</t></t>xab", "</t></t>x </t></t>xa"] { #expect(try !Self.matches(free, text)) }
    }
}
