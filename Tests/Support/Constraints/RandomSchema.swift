package import HadalCore
import TestSupport

/// Schemas of keywords thrown together, with wrong values among them.
package struct RandomSchema {
    private static let names = ["a", "b", "é", "x-1", ""]
    private static let words = [
        "a", "^a", "b$", "[", "(a|b)*", "date", "ipv6", "#", "#/$defs/d", "#/properties/a", "string", "object", "array",
    ]
    private static let types = ["null", "boolean", "integer", "number", "string", "array", "object"]

    private static let keywords = [
        "type", "properties", "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties",
        "maxProperties", "dependentRequired", "dependentSchemas", "items", "prefixItems", "minItems", "maxItems", "contains", "minContains",
        "maxContains", "uniqueItems", "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "multipleOf",
        "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "$ref", "$defs", "enum", "const", "default", "unevaluatedProperties",
        "unevaluatedItems", "$anchor", "$id",
    ]

    private var random: SeededGenerator

    package init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    private mutating func below(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
    private mutating func pick<Element>(_ items: [Element]) -> Element { items[below(items.count)] }

    private mutating func value(_ depth: Int) -> JSON {
        switch below(depth > 0 ? 8 : 6) {
        case 0: return .null
        case 1: return JSON(.bool(below(2) == 0))
        case 2: return JSON(.int(Int64(below(7)) - 2))
        case 3: return JSON(.double(Double(below(40)) / 8 - 1))
        case 4: return JSON(.string(pick(RandomSchema.words)))
        case 5: return JSON(.double(1e300))
        case 6: return JSON(.array((0..<below(3)).map { _ in value(depth - 1) }))
        default: return named(depth) { $0.value(depth - 1) }
        }
    }

    private mutating func named(_ depth: Int, _ make: (inout RandomSchema) -> JSON) -> JSON {
        var object = JSONObject()
        for _ in 0..<below(4) { object[pick(RandomSchema.names)] = make(&self) }
        return JSON(.object(object))
    }

    private mutating func schemas(_ depth: Int) -> JSON { JSON(.array((0..<1 + below(3)).map { _ in schema(depth) })) }

    package mutating func schema(_ depth: Int) -> JSON {
        if depth <= 0 || below(12) == 0 { return JSON(.bool(below(3) > 0)) }
        var object = JSONObject()
        for _ in 0..<1 + below(4) {
            let key = pick(RandomSchema.keywords)
            object[key] = below(25) == 0 ? value(1) : member(key, depth - 1)
        }
        return JSON(.object(object))
    }

    private mutating func member(_ key: String, _ depth: Int) -> JSON {
        switch key {
        case "type": return below(3) > 0 ? JSON(.string(pick(RandomSchema.types))) : ["string", "object"]
        case "properties", "patternProperties", "dependentSchemas", "$defs": return named(depth) { $0.schema(depth) }
        case "required": return JSON(.array((0..<below(3)).map { _ in JSON(.string(pick(RandomSchema.names))) }))
        case "dependentRequired": return ["a": ["b"]]
        case "allOf", "anyOf", "oneOf", "prefixItems": return schemas(depth)
        case "enum": return JSON(.array((0..<1 + below(4)).map { _ in value(1) }))
        case "const", "default": return value(2)
        case "$ref", "pattern", "format", "$anchor", "$id": return JSON(.string(pick(RandomSchema.words)))
        case "uniqueItems": return true
        case _ where key.hasPrefix("min") || key.hasPrefix("max") || key.hasPrefix("exclusive") || key == "multipleOf":
            return below(30) == 0 ? 1_000_000_000 : JSON(.int(Int64(below(6))))
        default: return schema(depth)
        }
    }
}
