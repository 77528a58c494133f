import Hadal
import HadalCore
import HadalHistory

/// What a conversation of the page says about its answers.
struct ChatSettings {
    private let object: JSONObject

    /// - Parameter text: JSON text of an object.
    init(_ text: String) throws { object = try JSONDocument(parsing: text, file: "settings").root.object ?? JSONObject() }

    var model: String? { object["model"]?.string.flatMap { $0.isEmpty ? nil : $0 } }

    func request(_ path: [HistoryMessage], model: String) throws -> InferenceRequest {
        let fields = try FieldReader(
            JSON(.object(object)), in: JSONDocument(root: JSON(.object(object)), file: "settings"), path: "settings")
        var chat = InferenceRequest.Chat()
        if let system = try fields.string("system"), !system.isEmpty { chat.messages.append(WireMessage(role: .system, text: system)) }
        chat.messages += path.map { message in
            switch message.role {
            case .user: WireMessage(role: .user, text: message.content)
            case .tool: WireMessage(role: .tool, text: message.content, callID: message.toolCallID)
            case .assistant:
                WireMessage(
                    role: .assistant, text: message.content, reasoning: message.reasoning.isEmpty ? nil : message.reasoning,
                    calls: message.toolCalls.map { ToolCall(id: $0.id, name: $0.name, argumentsJSON: $0.arguments) })
            }
        }
        for (index, tool) in (try fields.array("tools") ?? []).enumerated() {
            try CommonFields.addTool(tool, to: &chat.offer, field: "settings.tools[\(index)]")
        }
        switch try fields.string("thinking") {
        case "on": chat.thinking = .on
        case "off": chat.thinking = .off
        default: break
        }
        var request = InferenceRequest(.chat(chat))
        request.model = model
        request.sampling = try SamplingFields(fields)
        request.maxTokens = try fields.integer("max_tokens", in: 1 ... .max)
        if let schema = try fields.string("schema"), !schema.isEmpty {
            let value: JSON
            do { value = try JSONDocument(parsing: schema, file: "schema").root } catch {
                throw APIError.invalid("the schema is not JSON: \(APIError(error).message)", field: "settings.schema")
            }
            request.format = .schema(value, isStrict: true, field: "settings.schema")
        }
        return request
    }
}
