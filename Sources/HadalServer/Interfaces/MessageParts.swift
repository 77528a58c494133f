import Hadal
import HadalConstraints
import HadalCore

/// Reads the content of a message as the interfaces have it: a string, or parts of which some are text.
enum MessageParts {
    /// Part types whose text counts.
    private static let textTypes: Set<String> = ["text", "input_text", "output_text", "refusal", "summary_text", "reasoning_text"]

    /// The text of a string or of parts, joined without anything between them.
    ///
    /// - Parameter field: what the content is called, for errors.
    /// - Throws: for a part that the model cannot read.
    static func text(_ content: JSON?, field: String, separator: String = "") throws -> String {
        guard let content, !content.isNull else { return "" }
        if let text = content.string { return text }
        guard let parts = content.array else {
            throw APIError.invalid("must be a string or an array of parts, not \(content.kindName)", field: field)
        }
        return try parts.enumerated().map { try part($1, field: "\(field)[\($0)]") }.joined(separator: separator)
    }

    static func part(_ part: JSON, field: String) throws -> String {
        if let text = part.string { return text }
        guard part.object != nil else { throw APIError.invalid("must be an object, not \(part.kindName)", field: field) }
        let type = part["type"]?.string ?? (part["text"] != nil ? "text" : "")
        if textTypes.contains(type) {
            guard let text = (part["text"] ?? part["refusal"])?.string else {
                throw APIError.invalid("a part of text has 'text'", field: field)
            }
            return text
        }
        throw unsupported(type, field: field)
    }

    static func unsupported(_ type: String, field: String) -> APIError {
        if type.contains("image") { return .invalid("images are not supported: the models that are served read text", field: field) }
        if type.contains("audio") { return .invalid("audio is not supported: the models that are served read text", field: field) }
        return .invalid("parts of type '\(type.prefix(60))' are not supported", field: field)
    }
}

/// Reads what interfaces have in common about the answer's form and about tools.
enum CommonFields {
    /// `response_format` of chat completions, `text.format` of responses.
    static func format(_ value: JSON?, field: String) throws -> InferenceRequest.Format {
        guard let value, !value.isNull else { return .text }
        guard let type = value["type"]?.string else { throw APIError.invalid("needs a 'type'", field: field) }
        switch type {
        case "text": return .text
        case "json_object":
            // A schema beside it is what some local servers take.
            guard let schema = value["schema"], !schema.isNull else { return .anyObject }
            return .schema(schema, isStrict: true, field: "\(field).schema")
        case "json_schema":
            let holder = value["json_schema"] ?? value
            let path = value["json_schema"] == nil ? "\(field).schema" : "\(field).json_schema.schema"
            guard let schema = holder["schema"], schema.object != nil || schema.bool != nil else {
                throw APIError.invalid("needs the schema as an object", field: path)
            }
            return .schema(schema, isStrict: holder["strict"]?.bool == true, field: path)
        default:
            throw APIError.invalid(
                "the type '\(type.prefix(60))' is not supported: text, json_object or json_schema", field: "\(field).type")
        }
    }

    /// A tool of the OpenAI interfaces: `{"type": "function", "function": {…}}` or `{"type": "function", "name": …}`, a namespace of them, a custom tool, or one
    /// that only its maker's servers can run.
    static func addTool(_ value: JSON, to offer: inout ToolOffer, field: String, namespace: String? = nil) throws {
        guard value.object != nil else { throw APIError.invalid("a tool is an object, not \(value.kindName)", field: field) }
        let type = value["type"]?.string ?? "function"
        let inner = value[type] ?? value
        let name = inner["name"]?.string ?? value["name"]?.string
        let description = inner["description"]?.string ?? ""
        switch type {
        case "function":
            guard let name else { throw APIError.invalid("a function has a name", field: "\(field).name") }
            let isStrict = (inner["strict"] ?? value["strict"])?.bool == true
            let parameters = (inner["parameters"] ?? inner["input_schema"])?.unlessNull
            let full = namespace.map { "\($0)__\(name)" } ?? name
            let kind = namespace.map { ToolOffer.Kind.member(namespace: $0, name: name) } ?? .function
            try offer.add(full, description, parameters, isStrict: isStrict, kind: kind, field: field)
        case "namespace":
            guard let name else { throw APIError.invalid("a namespace has a name", field: "\(field).name") }
            for (index, member) in (value["tools"]?.array ?? []).enumerated() {
                try addTool(member, to: &offer, field: "\(field).tools[\(index)]", namespace: name)
            }
        case "custom":
            guard let name else { throw APIError.invalid("a custom tool has a name", field: "\(field).name") }
            try offer.add(name, description, ToolOffer.freeText, isStrict: false, kind: .custom, field: field)
        default: offer.refuse("\(field) (\(name ?? type))")
        }
    }

    /// `tool_choice` of the OpenAI interfaces.
    static func choice(_ value: JSON?, _ offer: inout ToolOffer, field: String = "tool_choice") throws -> ToolChoice {
        guard let value, !value.isNull else { return .auto }
        if let word = value.string {
            switch word {
            case "auto": return .auto
            case "none": return .none
            case "required", "any": return .required
            default: throw APIError.invalid("must be auto, none, required or a tool, not '\(word.prefix(60))'", field: field)
            }
        }
        switch value["type"]?.string {
        case "allowed_tools":
            let allowed = value["allowed_tools"] ?? value
            let names = (allowed["tools"]?.array ?? []).compactMap { ($0["function"] ?? $0)["name"]?.string }
            offer.keep(only: Set(names))
            return allowed["mode"]?.string == "required" ? .required : .auto
        case let type?:
            guard let name = (value[type] ?? value)["name"]?.string else {
                throw APIError.invalid("a named tool has a name", field: "\(field).name")
            }
            guard let full = offer.fullName(name, namespace: value["namespace"]?.string) else {
                throw APIError.invalid("the tool '\(name.prefix(120))' is not among the tools", field: field)
            }
            return .named(full)
        case nil: throw APIError.invalid("must be auto, none, required or a tool", field: field)
        }
    }

    /// Tokens of reasoning, in `thinking`; nil: as many as the model likes.
    static func reasoningBudget(_ thinking: JSONObject) throws -> Int? {
        guard let value = thinking["budget_tokens"], !value.isNull else { return nil }
        guard let budget = value.int, budget >= 0 else {
            throw APIError.invalid("must be an integer, at least 0", field: "thinking.budget_tokens")
        }
        return budget
    }

    /// `reasoning_effort`, and the like.
    static func apply(effort: String?, to chat: inout InferenceRequest.Chat, field: String) throws {
        guard let effort else { return }
        let known = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
        guard known.contains(effort) else { throw APIError.invalid("must be one of \(known.joined(separator: ", "))", field: field) }
        if effort == "none" { chat.thinking = .off } else { chat.variables.append(("reasoning_effort", .text(effort))) }
    }
}
