import HadalCore
import TestSupport
import Testing

@testable import HadalConstraints

@Suite("Refusing JSON Schemas")
struct SchemaRefusalTests {
    private func read(_ text: String) throws -> Grammar {
        try JSONSchemaReader.grammar(JSONDocument(parsing: text, file: "schema.json"))
    }

    @Test(arguments: [
        (##"{"properties": {"a/b": {"format": "colour"}}}"##, "/properties/a~1b/format", "schema.json:1:35"),
        (##"{"items": [{"uniqueItems": true}]}"##, "/items/0/uniqueItems", "schema.json:1:28"),
        (##"{"$ref": "https://example.com/other.json"}"##, "/$ref", "schema.json:1:10"),
        (##"{"items": {"format": "decimal"}}"##, "/items/format", "schema.json:1:22"),
        (##"{"properties": {"a": {"type": "string", "format": "password"}}}"##, "/properties/a/format", "schema.json"),
        (##"{"format": "binary"}"##, "/format", "schema.json"), (##"{"format": "utc-millisec"}"##, "/format", "schema.json"),
        (##"{"items": {"contentEncoding": "base64"}}"##, "/items/contentEncoding", "schema.json"),
        (##"{"contentMediaType": "application/json"}"##, "/contentMediaType", "schema.json"),
        (##"{"type": "any"}"##, "/type", "schema.json:1:10"),
        (##"{"properties": {"a": {"pattern": "(a)\\1"}}}"##, "/properties/a/pattern", "column 4 of the pattern"),
        (##"{"$schema": "http://json-schema.org/draft-03/schema#"}"##, "/$schema", "schema.json:1:13"),
        (##"{"$dynamicRef": "#x", "$defs": {"a": {"$dynamicAnchor": "x"}, "b": {"$dynamicAnchor": "x"}}}"##, "/$dynamicRef", "schema.json"),
        (##"{"contains": {"type": "null"}, "unevaluatedItems": false}"##, "/unevaluatedItems", "schema.json"),
        (##"{"type": "string", "enum": [1]}"##, "no value satisfies the schema", "schema.json"),
        (##"{"properties": {"n": {"multipleOf": 0.3}}}"##, "/properties/n/multipleOf", "schema.json:1:37"),
        (##"{"items": {"contains": {"type": "null"}, "minContains": 9999}}"##, "/items/contains", "schema.json:1:24"),
        (##"{"not": {}}"##, "no value satisfies the schema", "schema.json"),
        (##"{"allOf": [{"$ref": "#"}]}"##, "refers to itself", "schema.json"),
        (##"{"properties": {"a": {"$ref": "#/properties/b"}, "b": {"$ref": "#/properties/a"}}}"##, "refers to itself", "/properties/"),
    ])
    func whatIsNotEnforced(_ schema: String, _ message: String, _ place: String) {
        expectError(.unsupported, message, place) { try read(schema) }
    }

    @Test(arguments: [
        (##"{"properties": 3}"##, "/properties: must be an object of schemas, not an integer"),
        (##"{"properties": {"a": {"required": "b"}}}"##, "/properties/a/required: must be an array of strings"),
        (##"{"maxLength": -1}"##, "/maxLength: must be a non-negative integer"),
        (##"{"minimum": "3"}"##, "/minimum: must be a number"),
        (##"{"multipleOf": 0}"##, "/multipleOf: must be a positive number"),
        (##"{"anyOf": []}"##, "/anyOf"),
        (##"{"pattern": "("}"##, "/pattern"),
        (##"{"$ref": "#/$defs/a"}"##, "/$ref: there is nothing at '#/$defs/a'"),
        (##"{"exclusiveMinimum": true}"##, "/exclusiveMinimum: must be a number"),
        ("[]", "must be an object or a boolean"),
    ])
    func whatIsNoSchema(_ schema: String, _ message: String) {
        expectError(.malformed, message, "schema.json") { try read(schema) }
    }

    @Test func schemasMadeInMemoryHavePointersAsPlaces() {
        expectError(.unsupported, "schema at /items/format") { try JSONSchemaReader.grammar(["items": ["format": "colour"]]) }
    }

    @Test func aRefusedSchemaLeavesTheGrammarUsable() throws {
        var grammar = Grammar()
        let word = grammar.rule([[grammar.text("a")]])
        #expect(throws: HadalError.self) { try JSONSchemaReader.add(["items": ["format": "colour"]], to: &grammar) }
        grammar.start = word
        #expect(try SchemaTests.allows(SchemaTests.matcher(grammar), "a"))
    }

    @Test func tooManyCombinationsAreRefusedInTime() throws {
        // Twenty pairs of overlapping alternatives have a million combinations.
        let pairs = (0..<20).map { index in
            #"{"anyOf": [{"properties": {"a\#(index)": {"type": "integer"}}}, {"properties": {"b\#(index)": {"type": "string"}}}]}"#
        }
        expectError(.limitExceeded, "alternatives") { try read("{\"allOf\": [\(pairs.joined(separator: ","))]}") }
        let deep = String(repeating: #"{"items":"#, count: 200) + "{}" + String(repeating: "}", count: 200)
        _ = try read(deep)
    }
}
