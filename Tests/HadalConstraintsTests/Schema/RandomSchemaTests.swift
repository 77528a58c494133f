import HadalCore
import TestSupport
import Testing

@testable import HadalConstraints

/// Schemas of keywords thrown together, with wrong values among them.
@Suite("Random schemas")
struct RandomSchemaTests {
    private static let names = ["a", "b", "é", "x-1", ""]
    private static let words = [
        "a", "^a", "b$", "[", "(a|b)*", "date", "ipv6", "#", "#/$defs/d", "#/properties/a", "string", "object", "array",
    ]
    private static let types = ["null", "boolean", "integer", "number", "string", "array", "object"]

    private struct Maker {
        var random: SeededGenerator

        mutating func below(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
        mutating func pick<Element>(_ items: [Element]) -> Element { items[below(items.count)] }

        mutating func value(_ depth: Int) -> JSON {
            switch below(depth > 0 ? 8 : 6) {
            case 0: return .null
            case 1: return JSON(.bool(below(2) == 0))
            case 2: return JSON(.int(Int64(below(7)) - 2))
            case 3: return JSON(.double(Double(below(40)) / 8 - 1))
            case 4: return JSON(.string(pick(RandomSchemaTests.words)))
            case 5: return JSON(.double(1e300))
            case 6: return JSON(.array((0..<below(3)).map { _ in value(depth - 1) }))
            default: return named(depth) { $0.value(depth - 1) }
            }
        }

        mutating func named(_ depth: Int, _ make: (inout Maker) -> JSON) -> JSON {
            var object = JSONObject()
            for _ in 0..<below(4) { object[pick(RandomSchemaTests.names)] = make(&self) }
            return JSON(.object(object))
        }

        mutating func schemas(_ depth: Int) -> JSON { JSON(.array((0..<1 + below(3)).map { _ in schema(depth) })) }

        mutating func schema(_ depth: Int) -> JSON {
            if depth <= 0 || below(12) == 0 { return JSON(.bool(below(3) > 0)) }
            var object = JSONObject()
            for _ in 0..<1 + below(4) {
                let key = pick(RandomSchemaTests.keywords)
                object[key] = below(25) == 0 ? value(1) : member(key, depth - 1)
            }
            return JSON(.object(object))
        }

        private mutating func member(_ key: String, _ depth: Int) -> JSON {
            switch key {
            case "type": return below(3) > 0 ? JSON(.string(pick(RandomSchemaTests.types))) : ["string", "object"]
            case "properties", "patternProperties", "dependentSchemas", "$defs": return named(depth) { $0.schema(depth) }
            case "required": return JSON(.array((0..<below(3)).map { _ in JSON(.string(pick(RandomSchemaTests.names))) }))
            case "dependentRequired": return ["a": ["b"]]
            case "allOf", "anyOf", "oneOf", "prefixItems": return schemas(depth)
            case "enum": return JSON(.array((0..<1 + below(4)).map { _ in value(1) }))
            case "const", "default": return value(2)
            case "$ref", "pattern", "format", "$anchor", "$id": return JSON(.string(pick(RandomSchemaTests.words)))
            case "uniqueItems": return true
            case _ where key.hasPrefix("min") || key.hasPrefix("max") || key.hasPrefix("exclusive") || key == "multipleOf":
                return below(30) == 0 ? 1_000_000_000 : JSON(.int(Int64(below(6))))
            default: return schema(depth)
            }
        }
    }

    private static let keywords = [
        "type", "properties", "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties",
        "maxProperties", "dependentRequired", "dependentSchemas", "items", "prefixItems", "minItems", "maxItems", "contains", "minContains",
        "maxContains", "uniqueItems", "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "multipleOf",
        "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "$ref", "$defs", "enum", "const", "default", "unevaluatedProperties",
        "unevaluatedItems", "$anchor", "$id",
    ]

    @Test func areReadOrRefused() throws {
        var read = 0
        for seed in 0..<4000 {
            var maker = Maker(random: SeededGenerator(seed: UInt64(seed)))
            let schema = maker.schema(4)
            guard schema.object != nil else { continue }
            let grammar: Grammar
            do {
                grammar = try JSONSchemaReader.grammar(schema)
                #expect(grammar.rules.count <= JSONSchemaReader.Options().maximumRules)
                read += 1
            } catch let error as HadalError {
                #expect([.unsupported, .malformed, .limitExceeded].contains(error.code), "seed \(seed): \(error)")
                #expect(error.place != nil, "seed \(seed): \(error)")
                continue
            }
            do {
                if seed % 4 == 0 { try check(grammar, seed) }
            } catch let error as HadalError {
                #expect(error.code == .limitExceeded, "seed \(seed): \(error)")
            }
        }
        #expect(read > 1000)
    }

    /// A text that the masks allow byte by byte never gets stuck.
    private func check(_ grammar: Grammar, _ seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        var matcher = try SchemaTests.matcher(grammar)
        for _ in 0..<40 {
            var mask = TokenMask(tokenCount: SchemaTests.vocabulary.count)
            try matcher.mask(into: &mask)
            let allowed = (0..<SchemaTests.vocabulary.count).filter { mask.contains($0) }
            guard let token = allowed.randomElement(using: &random) else {
                Issue.record("seed \(seed): nothing may follow \(String(decoding: matcher.bytes, as: UTF8.self))")
                return
            }
            #expect(try matcher.accept(token: token))
            if matcher.isEnded { return }
        }
    }
}
