package import HadalCore

/// The tools that a model was offered: their names, and the schemas of their parameters.
package struct OfferedTools: Sendable {
    let names: Set<ExactString>
    private let parameters: [ExactString: JSONObject]

    /// - Parameter tools: an array of `{"type": "function", "function": {"name", "parameters": schema}}`, or of the inner objects.
    init(_ tools: JSON?) {
        var names: Set<ExactString> = []
        var parameters: [ExactString: JSONObject] = [:]
        for tool in tools?.array ?? [] {
            let function = tool["function"] ?? tool
            guard let name = function["name"]?.string else { continue }
            names.insert(ExactString(name))
            parameters[ExactString(name)] = function["parameters"]?["properties"]?.object
        }
        self.names = names
        self.parameters = parameters
    }

    /// The schema of a tool's parameter.
    func schema(of parameter: String, in tool: String) -> JSON? { parameters[ExactString(tool)]?[parameter] }

    /// Whether a tool has a parameter, as far as is known.
    func has(_ parameter: String, of tool: String) -> Bool {
        guard let known = parameters[ExactString(tool)], known.count > 0 else { return true }
        return known[parameter] != nil
    }

    /// The name of a tool's parameter by its position.
    func parameter(_ position: Int, of tool: String) -> String? {
        guard let members = parameters[ExactString(tool)]?.members, members.indices.contains(position) else { return nil }
        return members[position].key
    }

    /// A parameter that was written as plain text, as JSON; nil when the text says that it is no string and it is no JSON either.
    func value(_ parameter: ToolCallMatcher.Parameter, of tool: String) -> JSON? {
        switch parameter.isString {
        case true?: JSON(.string(parameter.value))
        case false?: Self.plain(parameter.value)
        case nil: Self.value(parameter.value, types: Self.types(schema(of: parameter.key, in: tool)))
        }
    }

    /// Nested elements as JSON, arrays and objects told apart by the schema, or by the name `item`.
    func value(_ content: ElementReader.Content, as schema: JSON?) -> JSON {
        let types = Self.types(schema)
        switch content {
        case .text(let text):
            if text.utf8.allSatisfy(ToolCallMatcher.isSpace), !types.contains("string") {
                if types.contains("array") { return JSON(.array([])) }
                if types.contains("object") { return JSON(.object(JSONObject())) }
            }
            return Self.value(text, types: types)
        case .elements(let elements):
            if types.contains("array") || (!types.contains("object") && elements.allSatisfy { $0.name == "item" }) {
                return JSON(.array(elements.map { value($0.content, as: schema?["items"]) }))
            }
            var object = JSONObject()
            for element in elements { object[element.name] = value(element.content, as: schema?["properties"]?[element.name]) }
            return JSON(.object(object))
        }
    }

    private static func value(_ text: String, types: Set<String>) -> JSON {
        if types.contains("string"), !(types.contains("null") && text == "null") { return JSON(.string(text)) }
        if let value = plain(text) { return value }
        if types.contains("array") || types.contains("object") {
            let bytes = Array(text.utf8)
            var reader = LooseReader(bytes, at: 0)
            if let value = try? reader.value(), bytes[reader.at...].allSatisfy(ToolCallMatcher.isSpace) { return value }
        }
        return JSON(.string(text))
    }

    /// The types that a schema allows; empty: not known.
    package static func types(_ schema: JSON?, depth: Int = 0) -> Set<String> {
        guard let schema, depth < 8 else { return [] }
        var types = Set(schema["type"]?.string.map { [$0] } ?? schema["type"]?.array?.compactMap(\.string) ?? [])
        for key in ["anyOf", "oneOf", "allOf"] {
            for item in schema[key]?.array ?? [] { types.formUnion(Self.types(item, depth: depth + 1)) }
        }
        if types.isEmpty, let values = schema["enum"]?.array, !values.isEmpty, values.allSatisfy({ $0.string != nil }) {
            types = ["string"]
        }
        return types
    }

    /// JSON, or a constant as Python spells it.
    private static func plain(_ text: String) -> JSON? {
        if let value = try? JSONDocument(parsing: text, file: "parameter").root { return value }
        switch ExactString(String(decoding: text.utf8.filter { !ToolCallMatcher.isSpace($0) }, as: UTF8.self)) {
        case ExactString("True"): return true
        case ExactString("False"): return false
        case ExactString("None"): return .null
        default: return nil
        }
    }
}
