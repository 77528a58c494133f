import HadalCore

/// The tools that a model was offered: their names, and the types of their parameters.
struct OfferedTools: Sendable {
    let names: Set<ExactString>
    private let types: [ExactString: [ExactString: [String]]]

    /// - Parameter tools: an array of `{"type": "function", "function": {"name", "parameters": schema}}`, or of the inner objects.
    init(_ tools: JSON?) {
        var names: Set<ExactString> = []
        var types: [ExactString: [ExactString: [String]]] = [:]
        for tool in tools?.array ?? [] {
            let function = tool["function"] ?? tool
            guard let name = function["name"]?.string else { continue }
            names.insert(ExactString(name))
            for member in function["parameters"]?["properties"]?.object?.members ?? [] {
                let type = member.value["type"]
                types[ExactString(name), default: [:]][ExactString(member.key)] =
                    type?.string.map { [$0] } ?? type?.array?.compactMap(\.string) ?? []
            }
        }
        self.names = names
        self.types = types
    }

    /// Tools as templates read them: `{"type": "function", "function": {"name", "parameters"}}`. Definitions without the object around them get it;
    /// whatever else is in the list stays as it is.
    static func wrapped(_ tools: JSON?) -> JSON? {
        guard let list = tools?.array else { return tools }
        return JSON(.array(list.map { tool in
            guard var members = tool.object, members["function"] == nil || members["type"] == nil else { return tool }
            if let function = members["function"] {
                return function.object == nil ? tool : JSON(.object(JSONObject([("type", "function")] + members.members.map { ($0.key, $0.value) })))
            }
            guard members["name"]?.string != nil, members["type"] == nil || members["type"]?.string == "function" else { return tool }
            members["type"] = nil
            return JSON(.object(JSONObject([("type", "function"), ("function", JSON(.object(members)))])))
        }), offset: tools?.offset ?? 0)
    }

    /// A parameter that was written as plain text, as JSON; nil when the text says that it is no string and it is no JSON either.
    func value(_ parameter: ToolCallMatcher.Parameter, of tool: String) -> JSON? {
        let text = parameter.value
        switch parameter.isString {
        case true?: return JSON(.string(text))
        case false?: return Self.plain(text)
        case nil:
            let known = types[ExactString(tool)]?[ExactString(parameter.key)] ?? []
            return known.contains("string") && !(known.contains("null") && text == "null") ? JSON(.string(text)) : Self.plain(text) ?? JSON(.string(text))
        }
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
