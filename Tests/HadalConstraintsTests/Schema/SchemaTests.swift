import ConstraintTestSupport
import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalConstraints

@Suite("Reading JSON Schema")
struct SchemaTests {
    static let vocabulary = TokenVocabulary((0...255).map { [UInt8($0)] } + [nil], endTokens: [256])

    static func matcher(_ grammar: Grammar) throws -> ConstraintMatcher { ConstraintMatcher(try CompiledConstraint(grammar), vocabulary) }

    static func allows(_ matcher: ConstraintMatcher, _ text: String) throws -> Bool {
        var matcher = matcher
        return try matcher.accept(bytes: Array(text.utf8)) && matcher.canEnd()
    }

    static func matcher(_ schema: String) throws -> ConstraintMatcher {
        try matcher(JSONSchemaReader.grammar(JSONDocument(parsing: schema, file: "schema.json")))
    }

    @Test func everyKeywordAllowsWhatIsValidAndNothingElse() throws {
        let lines = try String(contentsOfFile: Fixtures.path("constraints/schemas.jsonl"), encoding: .utf8)
        for line in lines.split(separator: "\n") {
            let row = try JSONDocument(parsing: String(line), file: "schemas.jsonl").root
            let schema = try #require(row["schema"])
            let about = try #require(row["about"]?.string)
            let matcher = try Self.matcher(JSONSchemaReader.grammar(schema))
            let order = SchemaOrder(root: schema)
            for (key, isValid) in [("valid", true), ("invalid", false)] {
                for value in row[key]?.array ?? [] {
                    for dump in JSONDump.all {
                        let text = dump.text(order.ordered(value))
                        #expect(try Self.allows(matcher, text) == isValid, "\(about): \(text)")
                    }
                }
            }
        }
    }

    @Test func charactersCountHoweverTheyAreWritten() throws {
        let matcher = try Self.matcher(#"{"type": "string", "maxLength": 2, "pattern": "^[é😀/\"\\\\\\n]+$"}"#)
        for text in [
            #""é😀""#, #""\u00e9\ud83d\ude00""#, #""\u00E9\uD83D\uDE00""#, #""\/\\""#, #""/\n""#, #""\"\u000a""#,
        ] { #expect(try Self.allows(matcher, text), "\(text)") }
        // Half a pair, a raw line feed, three characters, no escape.
        for text in [#""\ud83d""#, #""\ude00\ud83d""#, "\"\n\"", #""éé\u00e9""#, #""\é""#, #""\u00e""#] {
            #expect(try !Self.allows(matcher, text), "\(text)")
        }
    }

    @Test func propertiesComeInTheSchemasOrderAndOnce() throws {
        let matcher = try Self.matcher(#"{"type": "object", "properties": {"b": {}, "a": {}}}"#)
        #expect(try Self.allows(matcher, #"{"b": 1, "a": 2, "c": 3, "d": 4}"#))
        for text in [
            #"{"a": 2, "b": 1}"#, #"{"c": 3, "b": 1}"#, #"{"b": 1, "b": 2}"#, #"{"b": 1, "c": 2, "b": 3}"#, #"{"\u0062": 1}"#, "{,}",
            #"{"b": 1,}"#,
        ] { #expect(try !Self.allows(matcher, text), "\(text)") }
    }

    @Test func alternativesAreAllowedInTheOrderOfAllOfThem() throws {
        let matcher = try Self.matcher(
            #"{"anyOf": [{"properties": {"a": {}, "b": {}}, "required": ["b"]}, {"properties": {"c": {}, "b": {}}, "required": ["c"]}]}"#)
        #expect(try Self.allows(matcher, #"{"c":1,"b":2}"#))
        #expect(try Self.allows(matcher, #"{"b":1,"c":2}"#))
    }

    @Test func whiteSpaceIsBounded() throws {
        let matcher = try Self.matcher(#"{"type": "array"}"#)
        #expect(try Self.allows(matcher, "[\n\t1,\n\t[]\n]"))
        for text in [
            "[ 1]", "[1 ]", "[1 ,2]", "[1,  2]", "[\n\n1]", " []", "[] ", "[\r\n1]", "[\n" + String(repeating: " ", count: 65) + "1]",
        ] {
            #expect(try !Self.allows(matcher, text), "\(text)")
        }
    }

    @Test func aSchemaIsPartOfALargerGrammar() throws {
        var grammar = Grammar()
        let arguments = try JSONSchemaReader.add(["type": "object", "required": ["city"]], to: &grammar)
        let second = try JSONSchemaReader.add(["type": "boolean"], to: &grammar)
        grammar.start = grammar.rule([[grammar.text("call("), arguments, grammar.text(","), second, grammar.text(")")]])
        let matcher = try Self.matcher(grammar)
        #expect(try Self.allows(matcher, #"call({"city": "Oslo"},true)"#))
        #expect(try !Self.allows(matcher, #"call({},true)"#))
    }

    @Test func manyPropertiesAndCountsMakeSmallGrammars() throws {
        let properties = (0..<400).map { ("p\($0)", ["type": "integer"] as JSON) }
        let wide = try JSONSchemaReader.grammar(["type": "object", "properties": JSON(.object(JSONObject(properties)))])
        #expect(wide.rules.count < 1000)
        let long = try JSONSchemaReader.grammar(["type": "array", "minItems": 1000, "maxItems": 100_000])
        #expect(long.rules.count < 100)
        let many = try JSONSchemaReader.grammar(["type": "object", "minProperties": 5000, "maxProperties": 100_000])
        #expect(many.rules.count < 100)
    }
}
