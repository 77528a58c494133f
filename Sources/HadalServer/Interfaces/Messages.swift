import Hadal
import HadalConstraints
import HadalCore

/// `/v1/messages`: requests of Anthropic's clients.
enum Messages {
    static let table = FieldTable(
        honoured: [
            "model", "messages", "system", "max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "tools",
            "tool_choice", "thinking",
            "output_config", "output_format",
        ],
        harmless: [
            "metadata", "service_tier", "cache_control", "context_management", "inference_geo", "betas", "speed",
        ],
        refused: [
            ("mcp_servers", "a server fetches nothing"),
            ("container", "there are no containers"),
        ])

    /// - Parameter isCount: the tokens of the prompt alone are asked for.
    static func request(_ document: JSONDocument, isCount: Bool = false) throws -> InferenceRequest {
        var fields = try FieldReader(document.root, in: document)
        try fields.check(table)
        var chat = InferenceRequest.Chat()
        if let system = fields.value("system") {
            let text = try Self.system(system)
            if !text.isEmpty { chat.messages.append(WireMessage(role: .system, text: text)) }
        }
        let messages = try fields.requiredArray("messages")
        guard !messages.isEmpty else { throw fields.fail("messages", "must have at least one message") }
        for (index, value) in messages.enumerated() { chat.messages += try message(value, field: "messages[\(index)]") }
        // A turn of the assistant that stands last is how its answer begins.
        if let last = chat.messages.last, last.role == .assistant, last.calls.isEmpty {
            chat.messages.removeLast()
            chat.prefix = last.text
        }
        for (index, tool) in (try fields.array("tools") ?? []).enumerated() { try add(tool, to: &chat.offer, field: "tools[\(index)]") }
        try choose(fields, &chat)
        try think(fields, &chat)
        var request = InferenceRequest(.chat(chat))
        if let format = fields.value("output_format") ?? fields.value("output_config")?["format"], !format.isNull {
            request.format = try CommonFields.format(format, field: "output_format")
            if case .schema(let schema, _, let field) = request.format { request.format = .schema(schema, isStrict: true, field: field) }
        }
        request.model = try fields.string("model")
        request.sampling.temperature = try fields.number("temperature", in: 0...100)
        request.sampling.topP = try fields.number("top_p", in: 0...1).map { max($0, 1e-6) }
        request.sampling.topK = try fields.integer("top_k", in: 0 ... .max)
        request.maxTokens = try fields.integer("max_tokens", in: 1 ... .max)
        if request.maxTokens == nil, !isCount { throw fields.fail("max_tokens", "is required") }
        request.stop = try fields.strings("stop_sequences", most: 64)?.filter { !$0.isEmpty } ?? []
        request.isStreamed = try fields.bool("stream") ?? false
        request.ignoredFields = fields.ignored
        return request
    }

    /// The system prompt, without what some clients put before it to be billed by, which is another one for each conversation.
    private static func system(_ value: JSON) throws -> String {
        if value.string != nil { return try MessageParts.text(value, field: "system") }
        guard let blocks = value.array else { throw APIError.invalid("must be a string or an array of blocks", field: "system") }
        let texts = try blocks.enumerated().map { try MessageParts.part($1, field: "system[\($0)]") }
        return texts.filter { !$0.hasPrefix("x-anthropic-billing-header:") }.joined(separator: "\n\n")
    }

    private static func message(_ value: JSON, field: String) throws -> [WireMessage] {
        guard value.object != nil else { throw APIError.invalid("a message is an object, not \(value.kindName)", field: field) }
        guard let role = value["role"]?.string else { throw APIError.invalid("a message has a role", field: "\(field).role") }
        guard let content = value["content"], !content.isNull else {
            throw APIError.invalid("a message has content", field: "\(field).content")
        }
        guard let blocks = content.array else {
            let text = try MessageParts.text(content, field: "\(field).content")
            return [WireMessage(role: try self.role(role, field: field), text: text)]
        }
        switch try self.role(role, field: field) {
        case .assistant: return [try assistant(blocks, field: "\(field).content")]
        case .system:
            return [WireMessage(role: .system, text: try MessageParts.text(content, field: "\(field).content", separator: "\n\n"))]
        case .user, .tool: return try user(blocks, field: "\(field).content")
        }
    }

    private static func role(_ name: String, field: String) throws -> WireMessage.Role {
        switch name {
        case "user": .user
        case "assistant": .assistant
        case "system", "developer": .system
        default: throw APIError.invalid("the role '\(name.prefix(60))' is not known: user, assistant or system", field: "\(field).role")
        }
    }

    private static func assistant(_ blocks: [JSON], field: String) throws -> WireMessage {
        var message = WireMessage(role: .assistant)
        var texts: [String] = [], thoughts: [String] = []
        for (index, block) in blocks.enumerated() {
            let place = "\(field)[\(index)]"
            switch block["type"]?.string {
            case "thinking": if let text = block["thinking"]?.string, !text.isEmpty { thoughts.append(text) }
            case "redacted_thinking": break
            case "tool_use":
                guard let name = block["name"]?.string else { throw APIError.invalid("a call has the name of its tool", field: place) }
                let arguments = try ChatCompletions.arguments(block["input"], field: "\(place).input")
                message.calls.append(ToolCall(id: block["id"]?.string ?? "", name: name, argumentsJSON: arguments))
            default: texts.append(try MessageParts.part(block, field: place))
            }
        }
        message.text = texts.joined()
        message.reasoning = thoughts.isEmpty ? nil : thoughts.joined(separator: "\n\n")
        return message
    }

    /// Results of tools, then what the user says beside them.
    private static func user(_ blocks: [JSON], field: String) throws -> [WireMessage] {
        var results: [WireMessage] = [], texts: [String] = []
        for (index, block) in blocks.enumerated() {
            let place = "\(field)[\(index)]"
            switch block["type"]?.string {
            case "tool_result":
                let text = try resultText(block["content"], field: "\(place).content")
                results.append(WireMessage(role: .tool, text: text, callID: block["tool_use_id"]?.string))
            case "document":
                let source = block["source"]
                guard let text = source?["type"]?.string == "text" ? source?["data"]?.string : nil else {
                    throw APIError.invalid("documents are supported as plain text only", field: place)
                }
                texts.append([block["title"]?.string, text].compactMap { $0 }.joined(separator: "\n"))
            default: texts.append(try MessageParts.part(block, field: place))
            }
        }
        let text = texts.joined(separator: "\n\n")
        return results + (texts.isEmpty ? [] : [WireMessage(role: .user, text: text)])
    }

    /// What is no text in the result of a tool is named in it: the turn that made it is over, and cannot be refused any more.
    static func resultText(_ content: JSON?, field: String) throws -> String {
        guard let parts = content?.array else { return try MessageParts.text(content, field: field) }
        return try parts.enumerated().map { index, part in
            let type = part["type"]?.string ?? ""
            if type.contains("image") || type.contains("audio") || type == "document" || type == "tool_reference" || type.contains("file") {
                return "[\(type)]"
            }
            return try MessageParts.part(part, field: "\(field)[\(index)]")
        }.joined(separator: "\n")
    }

    private static func add(_ tool: JSON, to offer: inout ToolOffer, field: String) throws {
        guard tool.object != nil else { throw APIError.invalid("a tool is an object, not \(tool.kindName)", field: field) }
        let type = tool["type"]?.string ?? "custom"
        guard type == "custom" || type == "function", tool["input_schema"] != nil || tool["parameters"] != nil || type == "custom" else {
            offer.refuse("\(field) (\(tool["name"]?.string ?? type))")
            return
        }
        guard let name = tool["name"]?.string else { throw APIError.invalid("a tool has a name", field: "\(field).name") }
        let schema = (tool["input_schema"] ?? tool["parameters"])?.unlessNull
        try offer.add(name, tool["description"]?.string ?? "", schema, isStrict: tool["strict"]?.bool == true, field: field)
    }

    private static func choose(_ fields: FieldReader, _ chat: inout InferenceRequest.Chat) throws {
        guard let choice = try fields.object("tool_choice") else { return }
        chat.allowsParallelCalls = choice["disable_parallel_tool_use"]?.bool != true
        switch choice["type"]?.string {
        case "auto": chat.toolChoice = .auto
        case "none": chat.toolChoice = .none
        case "any": chat.toolChoice = .required
        case "tool":
            guard let name = choice["name"]?.string, chat.offer.kinds[name] != nil else {
                throw fields.fail("tool_choice", "the tool is not among the tools")
            }
            chat.toolChoice = .named(name)
        default: throw fields.fail("tool_choice", "the type is auto, any, tool or none")
        }
    }

    private static func think(_ fields: FieldReader, _ chat: inout InferenceRequest.Chat) throws {
        if let thinking = try fields.object("thinking") {
            switch thinking["type"]?.string {
            case "enabled":
                chat.thinking = .on
                chat.reasoningBudget = try CommonFields.reasoningBudget(thinking)
            case "disabled": chat.thinking = .off
            case "adaptive", "auto", nil: break
            default: throw fields.fail("thinking", "the type is enabled, disabled or adaptive")
            }
        }
        let effort = fields.value("output_config")?["effort"]?.string
        try CommonFields.apply(effort: effort, to: &chat, field: "output_config.effort")
    }
}

/// `message`, whole or as events of its content blocks.
struct MessageEncoder: ReplyEncoder {
    struct Form: Sendable {}

    private enum Block { case text, thinking }

    private let answer: Answer
    /// Blocks that have begun, the last of them open in a stream.
    private var count = 0
    private var open: Block?
    private var calls: [JSON] = []
    private var reply: ChatReply?

    init(_ answer: Answer, _ form: Form) { self.answer = answer }

    static var ping: String? { serverSentEvent("ping", ["type": "ping"]) }

    /// - Parameter ending: `stop_reason` and `stop_sequence`.
    private func message(_ content: [JSON], ending: [(String, JSON?)], usage: JSON) -> JSON {
        .members(
            [
                ("id", .text("msg_\(answer.id)")), ("type", "message"), ("role", "assistant"), ("model", .text(answer.model.name)),
                ("content", JSON(.array(content))),
            ] + ending + [("usage", usage)])
    }

    mutating func begin() -> [String] {
        let usage = JSON.members([
            ("input_tokens", .number(answer.promptTokens)), ("cache_creation_input_tokens", 0), ("cache_read_input_tokens", 0),
            ("output_tokens", 0),
        ])
        return [
            serverSentEvent("message_start", ["type": "message_start", "message": message([], ending: Self.noEnding, usage: usage)]),
            serverSentEvent("ping", ["type": "ping"]),
        ]
    }

    private mutating func start(_ block: JSON) -> String {
        defer { count += 1 }
        return serverSentEvent("content_block_start", ["type": "content_block_start", "index": .number(count), "content_block": block])
    }

    private func delta(_ delta: JSON) -> String {
        serverSentEvent("content_block_delta", ["type": "content_block_delta", "index": .number(count - 1), "delta": delta])
    }

    private func stop() -> String { serverSentEvent("content_block_stop", ["type": "content_block_stop", "index": .number(count - 1)]) }

    private mutating func close() -> [String] {
        guard let block = open else { return [] }
        open = nil
        return (block == .thinking ? [delta(["type": "signature_delta", "signature": "hadal"])] : []) + [stop()]
    }

    private mutating func write(_ text: String, as block: Block) -> [String] {
        var events: [String] = []
        if open != block {
            events += close()
            events.append(start(block == .text ? ["type": "text", "text": ""] : ["type": "thinking", "thinking": "", "signature": ""]))
            open = block
        }
        events.append(
            delta(block == .text ? ["type": "text_delta", "text": .text(text)] : ["type": "thinking_delta", "thinking": .text(text)]))
        return events
    }

    mutating func encode(_ event: GenerationEvent, choice: Int) -> [String] {
        switch event {
        case .text(let text): return write(text, as: .text)
        case .reasoning(let text): return write(text, as: .thinking)
        case .toolCall(let call):
            let id = JSON.text(answer.note(call, choice: choice, prefix: "toolu_"))
            let input = (try? JSONDocument(parsing: call.argumentsJSON, file: "arguments").root) ?? [:]
            calls.append(["type": "tool_use", "id": id, "name": .text(call.name), "input": input])
            return close() + [
                start(["type": "tool_use", "id": id, "name": .text(call.name), "input": [:]]),
                delta(["type": "input_json_delta", "partial_json": .text(call.argumentsJSON)]), stop(),
            ]
        default: return []
        }
    }

    mutating func end(_ reply: ChatReply, choice: Int) -> [String] {
        self.reply = reply
        let changes = JSON.members(Self.ending(reply, answer.stops))
        return close() + [serverSentEvent("message_delta", ["type": "message_delta", "delta": changes, "usage": Self.usage(reply)])]
    }

    mutating func finish() -> [String] { [serverSentEvent("message_stop", ["type": "message_stop"])] }
    mutating func fail(_ error: APIError) -> [String] { Self.fail(error) }
    static func fail(_ error: APIError) -> [String] { [serverSentEvent("error", ErrorForm.anthropic.json(error))] }

    private static let noEnding: [(String, JSON?)] = [("stop_reason", .null), ("stop_sequence", .null)]

    /// - Parameter stops: those of the request; one that the model's files name ends a turn like any other end.
    static func ending(_ reply: ChatReply, _ stops: [String]) -> [(String, JSON?)] {
        let stop = reply.summary.stopString.flatMap { found in stops.first { ExactString($0) == ExactString(found) } }
        let reason =
            switch reply.summary.reason {
            case .length, .contextFull, .deadline: "max_tokens"
            case .toolCalls: "tool_use"
            case .stopString where stop != nil: "stop_sequence"
            default: reply.toolCalls.isEmpty ? "end_turn" : "tool_use"
            }
        return [("stop_reason", .text(reason)), ("stop_sequence", stop.map(JSON.text) ?? .null)]
    }

    static func usage(_ reply: ChatReply) -> JSON {
        .members([
            ("input_tokens", .number(reply.promptTokens)), ("cache_creation_input_tokens", 0),
            ("cache_read_input_tokens", .number(reply.reusedTokens)), ("output_tokens", .number(reply.summary.generatedTokens)),
        ])
    }

    func whole() -> JSON {
        guard let reply else { return .null }
        var content: [JSON] = []
        if !reply.reasoning.isEmpty { content.append(["type": "thinking", "thinking": .text(reply.reasoning), "signature": "hadal"]) }
        if !reply.answer.isEmpty { content.append(["type": "text", "text": .text(reply.answer)]) }
        return message(content + calls, ending: Self.ending(reply, answer.stops), usage: Self.usage(reply))
    }
}
