package import HadalCore
import HadalText

extension ChatMessage {
    /// As chat templates and the common HTTP interfaces have it, with arguments as text.
    package var json: JSON { json(JSON(.string(content)), reasoningKey: "reasoning_content", argumentsAsText: true) }

    /// As one model's template wants it.
    func json(for format: ChatFormat) -> JSON {
        var message = self
        if !toolCalls.isEmpty, !format.keepsContentWithCalls { message.content = "" }
        let isNull = format.takesNullContent && message.content.isEmpty && !toolCalls.isEmpty
        return message.json(
            isNull ? .null : format.content.content(message.content, role: role.rawValue), reasoningKey: format.reasoningKey,
            argumentsAsText: format.takesArgumentsAsText)
    }

    private func json(_ content: JSON, reasoningKey: String, argumentsAsText: Bool) -> JSON {
        var object = JSONObject([("role", JSON(.string(role.rawValue))), ("content", content)])
        if let reasoning, !reasoning.isEmpty { object[reasoningKey] = JSON(.string(reasoning)) }
        if !toolCalls.isEmpty { object["tool_calls"] = JSON(.array(toolCalls.map { $0.json(argumentsAsText: argumentsAsText) })) }
        if let toolCallID { object["tool_call_id"] = JSON(.string(toolCallID)) }
        if let name { object["name"] = JSON(.string(name)) }
        return JSON(.object(object))
    }

    /// Reads a message as the common HTTP interfaces send it. The texts of content in parts are joined; other parts are refused.
    ///
    /// - Throws: `malformed` or `unsupported`, with the place in the document.
    package init(_ json: JSON, in document: JSONDocument) throws {
        func fail(_ message: String, at value: JSON) -> HadalError { HadalError(.malformed, message, at: document.place(of: value)) }
        guard let role = json["role"]?.string else { throw fail("a message needs a \"role\"", at: json) }
        var content = (text: "", reasoning: "")
        if let value = json["content"], !value.isNull {
            guard value.string != nil || value.array != nil else {
                throw fail("\"content\" is a string or a list of parts, not \(value.kindName)", at: value)
            }
            content = try ContentForms.texts(value, in: document)
        }
        let reasoning = ["reasoning_content", "reasoning", "thinking"].lazy.compactMap { json[$0]?.string }.first
        self.init(
            role: Role(rawValue: role), content: content.text,
            reasoning: reasoning ?? (content.reasoning.isEmpty ? nil : content.reasoning))
        toolCallID = json["tool_call_id"]?.string
        name = json["name"]?.string
        for (index, value) in (json["tool_calls"]?.array ?? []).enumerated() {
            let function = value["function"] ?? value
            guard let name = function["name"]?.string else { throw fail("a call needs the name of its tool", at: value) }
            guard let arguments = ToolCall.argumentText(function["arguments"] ?? function["parameters"] ?? .null) else {
                throw fail("the arguments of a call are a JSON object", at: value)
            }
            toolCalls.append(ToolCall(id: value["id"]?.string ?? ToolCall.makeID(index + 1), name: name, argumentsJSON: arguments))
        }
    }

    /// Reads a list of messages, bare or under `messages`.
    package static func list(_ document: JSONDocument) throws -> [ChatMessage] {
        guard let items = (document.root["messages"] ?? document.root).array else {
            throw HadalError(.malformed, "expected an array of messages", at: document.place(of: document.root))
        }
        return try items.map { try ChatMessage($0, in: document) }
    }
}
