import HadalCore
import HadalText

extension ChatMessage {
    /// As chat templates and the common HTTP interfaces have it, with arguments as text.
    public var json: JSON { json(reasoningKey: "reasoning_content", nullContent: false, argumentsAsText: true) }

    /// As one model's template wants it.
    func json(for format: ChatFormat) -> JSON {
        var message = self
        if !toolCalls.isEmpty, !format.keepsContentWithCalls { message.content = "" }
        return message.json(
            reasoningKey: format.reasoningKey, nullContent: format.takesNullContent, argumentsAsText: format.takesArgumentsAsText)
    }

    private func json(reasoningKey: String, nullContent: Bool, argumentsAsText: Bool) -> JSON {
        var object = JSONObject([("role", JSON(.string(role)))])
        object["content"] = nullContent && content.isEmpty && !toolCalls.isEmpty ? .null : JSON(.string(content))
        if let reasoning, !reasoning.isEmpty { object[reasoningKey] = JSON(.string(reasoning)) }
        if !toolCalls.isEmpty { object["tool_calls"] = JSON(.array(toolCalls.map { $0.json(argumentsAsText: argumentsAsText) })) }
        if let toolCallID { object["tool_call_id"] = JSON(.string(toolCallID)) }
        if let name { object["name"] = JSON(.string(name)) }
        return JSON(.object(object))
    }

    /// Reads a message as the common HTTP interfaces send it. Content in parts is joined; parts that are no text are refused.
    ///
    /// - Throws: `malformed`, with the place in the document.
    public init(_ json: JSON, in document: JSONDocument) throws {
        func fail(_ message: String, at value: JSON) -> HadalError { HadalError(.malformed, message, at: document.place(of: value)) }
        guard let role = json["role"]?.string else { throw fail("a message needs a \"role\"", at: json) }
        var content = ""
        if let value = json["content"], !value.isNull {
            if let text = value.string {
                content = text
            } else if let parts = value.array {
                for part in parts {
                    guard let text = part.string ?? part["text"]?.string else { throw fail("only parts with text are understood", at: part) }
                    content += text
                }
            } else {
                throw fail("\"content\" is a string, not \(value.kindName)", at: value)
            }
        }
        self.init(role: role, content: content, reasoning: json["reasoning_content"]?.string ?? json["reasoning"]?.string)
        toolCallID = json["tool_call_id"]?.string
        name = json["name"]?.string
        for (index, value) in (json["tool_calls"]?.array ?? []).enumerated() {
            let function = value["function"] ?? value
            guard let name = function["name"]?.string else { throw fail("a call needs the name of its tool", at: value) }
            let arguments = function["arguments"] ?? JSON(.object(JSONObject()))
            let call = ToolCall(
                id: value["id"]?.string ?? ToolCall.makeID(index + 1), name: name, argumentsJSON: arguments.string ?? arguments.text())
            guard (try? JSONDocument(parsing: call.argumentsJSON, file: "arguments").root.object) != nil else {
                throw fail("the arguments of a call are a JSON object", at: value)
            }
            toolCalls.append(call)
        }
    }

    /// Reads a list of messages, bare or under `messages`.
    public static func list(_ document: JSONDocument) throws -> [ChatMessage] {
        guard let items = (document.root["messages"] ?? document.root).array else {
            throw HadalError(.malformed, "expected an array of messages", at: document.place(of: document.root))
        }
        return try items.map { try ChatMessage($0, in: document) }
    }
}
