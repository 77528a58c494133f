import HadalCore

/// As much of JSON Schema (draft 2020-12) as `architecture.schema.json` uses. A keyword that it does not know is a fault of the test.
struct JSONSchema {
    let root: JSON
    private static let known: Set<String> = [
        "$schema", "$id", "$defs", "title", "description", "$ref", "type", "enum", "const", "required", "properties",
        "additionalProperties",
        "propertyNames", "items", "prefixItems", "anyOf", "oneOf", "minLength", "maxLength", "minItems", "maxItems", "minProperties",
        "maxProperties", "minimum", "maximum", "pattern", "uniqueItems",
    ]

    /// Where and why a document does not fit; nil when it does.
    func fault(_ json: JSON) throws -> String? { try fault(json, root, "") }

    private func fault(_ json: JSON, _ schema: JSON, _ path: String) throws -> String? {
        if let always = schema.bool { return always ? nil : "\(path): nothing is allowed" }
        guard let rules = schema.object else { throw HadalError(.malformed, "a schema is an object or a boolean") }
        for rule in rules.members {
            guard Self.known.contains(rule.key) else { throw HadalError(.unsupported, "the keyword \(rule.key)") }
            if let fault = try fault(json, rule.key, rule.value, rules, path) { return fault }
        }
        return nil
    }

    private func fault(_ json: JSON, _ keyword: String, _ value: JSON, _ rules: JSONObject, _ path: String) throws -> String? {
        func no(_ why: String) -> String { "\(path.isEmpty ? "/" : path): \(why)" }
        switch keyword {
        case "$ref":
            let name = (value.string ?? "").split(separator: "/").last.map(String.init) ?? ""
            guard let definition = root["$defs"]?[name] else { throw HadalError(.notFound, "definition \(name)") }
            return try fault(json, definition, path)
        case "type":
            let types = (value.array ?? [value]).compactMap(\.string)
            return types.contains { Self.isOf(json, $0) } ? nil : no("not of type \(types)")
        case "enum": return (value.array ?? []).contains(json) ? nil : no("\(json.text()) is none of the choices")
        case "const": return value == json ? nil : no("\(json.text()) is not \(value.text())")
        case "anyOf":
            return try (value.array ?? []).contains { try fault(json, $0, path) == nil } ? nil : no("\(json.kindName) fits no alternative")
        case "oneOf":
            return try (value.array ?? []).count { try fault(json, $0, path) == nil } == 1 ? nil : no("fits not exactly one alternative")
        default: break
        }
        if let number = json.double, let bound = value.double {
            if keyword == "minimum", number < bound { return no("below \(bound)") }
            if keyword == "maximum", number > bound { return no("above \(bound)") }
        }
        if let text = json.string {
            if keyword == "minLength", text.unicodeScalars.count < value.int ?? 0 { return no("too short") }
            if keyword == "maxLength", text.unicodeScalars.count > value.int ?? 0 { return no("too long") }
            if keyword == "pattern", try text.firstMatch(of: Regex(value.string ?? "")) == nil { return no("'\(text)' does not match") }
        }
        if let items = json.array {
            if keyword == "minItems", items.count < value.int ?? 0 { return no("too few") }
            if keyword == "maxItems", items.count > value.int ?? 0 { return no("too many") }
            if keyword == "uniqueItems", Set(items.map { $0.text() }).count < items.count { return no("twice the same") }
            let first = rules["prefixItems"]?.array ?? []
            for (i, item) in items.enumerated() {
                var schema = Optional<JSON>.none
                if keyword == "prefixItems", i < first.count { schema = first[i] }
                if keyword == "items", i >= first.count { schema = value }
                if let schema, let fault = try fault(item, schema, "\(path)/\(i)") { return fault }
            }
        }
        guard let object = json.object else { return nil }
        if keyword == "minProperties", object.count < value.int ?? 0 { return no("too few members") }
        if keyword == "maxProperties", object.count > value.int ?? 0 { return no("too many members") }
        if keyword == "required", let missing = (value.array ?? []).compactMap(\.string).first(where: { object[$0] == nil }) {
            return no("\(missing) is missing")
        }
        for member in object.members {
            let declared = rules["properties"]?[member.key]
            var schema = Optional<JSON>.none
            if keyword == "properties" { schema = declared }
            if keyword == "additionalProperties", declared == nil { schema = value }
            if let schema, let fault = try fault(member.value, schema, "\(path)/\(member.key)") { return fault }
            if keyword == "propertyNames", let fault = try fault(JSON(.string(member.key)), value, "\(path)/\(member.key)") { return fault }
        }
        return nil
    }

    private static func isOf(_ json: JSON, _ type: String) -> Bool {
        switch type {
        case "null": json.isNull
        case "boolean": json.bool != nil
        case "integer": json.int != nil
        case "number": json.double != nil
        case "string": json.string != nil
        case "array": json.array != nil
        default: json.object != nil
        }
    }
}
