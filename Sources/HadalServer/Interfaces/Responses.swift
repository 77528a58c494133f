import Hadal
import HadalCore

/// `/v1/responses`: requests of OpenAI's newer clients and of coding agents.
enum Responses {
    static let table = FieldTable(
        honoured: [
            "model", "input", "instructions", "stream", "max_output_tokens", "temperature", "top_p", "top_logprobs", "tools", "tool_choice",
            "parallel_tool_calls", "text", "reasoning", "metadata", "top_k", "min_p", "seed", "stop",
        ],
        harmless: [
            "include", "store", "user", "safety_identifier", "service_tier", "prompt_cache_key", "prompt_cache_retention", "stream_options",
            "truncation", "client_metadata", "max_tool_calls", "context_management",
        ],
        refused: [
            ("previous_response_id", "no response is kept; send the whole conversation as 'input'"),
            ("conversation", "no conversation is kept; send it as 'input'"),
            ("background", "an answer is given to the request that asks for it"),
            ("prompt", "there are no stored prompts"),
        ])

    static func request(_ document: JSONDocument) throws -> (InferenceRequest, ResponseEncoder.Form) {
        var fields = try FieldReader(document.root, in: document)
        try fields.check(table)
        var chat = InferenceRequest.Chat()
        if let instructions = try fields.string("instructions"), !instructions.isEmpty {
            chat.messages.append(WireMessage(role: .system, text: instructions))
        }
        guard let input = fields.value("input") else { throw fields.fail("input", "is required") }
        if let text = input.string {
            chat.messages.append(WireMessage(role: .user, text: text))
        } else if let items = input.array {
            for (index, item) in items.enumerated() {
                try add(item, to: &chat.messages, field: "input[\(index)]") { fields.ignore($0) }
            }
        } else {
            throw fields.fail("input", "must be a string or an array of items, not \(input.kindName)")
        }
        for (index, tool) in (try fields.array("tools") ?? []).enumerated() {
            try CommonFields.addTool(tool, to: &chat.offer, field: "tools[\(index)]")
        }
        chat.toolChoice = try CommonFields.choice(fields.value("tool_choice"), &chat.offer)
        chat.allowsParallelCalls = try fields.bool("parallel_tool_calls") ?? true
        let reasoning = try fields.object("reasoning")
        try CommonFields.apply(effort: reasoning?["effort"]?.string, to: &chat, field: "reasoning.effort")
        var request = InferenceRequest(.chat(chat))
        request.model = try fields.string("model")
        request.sampling = try SamplingFields(fields)
        request.maxTokens = try fields.integer("max_output_tokens", in: 1 ... .max)
        request.stop = try fields.strings("stop", most: 64)?.filter { !$0.isEmpty } ?? []
        request.topLogProbabilities = try fields.integer("top_logprobs", in: 0...20).flatMap { $0 == 0 ? nil : $0 }
        request.format = try CommonFields.format(fields.value("text")?["format"], field: "text.format")
        request.isStreamed = try fields.bool("stream") ?? false
        request.ignoredFields = fields.ignored
        let form = ResponseEncoder.Form(
            instructions: fields.value("instructions"), metadata: fields.value("metadata"), tools: fields.value("tools"),
            toolChoice: fields.value("tool_choice"), text: fields.value("text"), reasoning: fields.value("reasoning"),
            maxTokens: request.maxTokens, temperature: request.sampling.temperature, topP: request.sampling.topP,
            allowsParallelCalls: chat.allowsParallelCalls)
        return (request, form)
    }

    /// Items that belong to one turn of the assistant are joined when the conversation is normalised.
    private static func add(_ item: JSON, to messages: inout [WireMessage], field: String, ignore: (String) -> Void) throws {
        guard item.object != nil else { throw APIError.invalid("an item is an object, not \(item.kindName)", field: field) }
        let type = item["type"]?.string ?? "message"
        switch type {
        case "message":
            guard let role = item["role"]?.string else { throw APIError.invalid("a message has a role", field: "\(field).role") }
            let text = try MessageParts.text(item["content"], field: "\(field).content")
            switch role {
            case "system", "developer": messages.append(WireMessage(role: .system, text: text))
            case "user": messages.append(WireMessage(role: .user, text: text))
            case "assistant": messages.append(WireMessage(role: .assistant, text: text))
            default: throw APIError.invalid("the role '\(role.prefix(60))' is not known", field: "\(field).role")
            }
        case "reasoning":
            let own = try MessageParts.text(item["content"], field: "\(field).content")
            let text = try own.isEmpty ? MessageParts.text(item["summary"], field: "\(field).summary") : own
            if !text.isEmpty { messages.append(WireMessage(role: .assistant, reasoning: text)) }
        case "function_call", "custom_tool_call":
            guard let name = item["name"]?.string else { throw APIError.invalid("a call has the name of its tool", field: field) }
            let full = item["namespace"]?.string.map { "\($0)__\(name)" } ?? name
            let id = item["call_id"]?.string ?? item["id"]?.string ?? ""
            let call =
                type == "custom_tool_call"
                ? ToolCall.freeText(id: id, name: full, item["input"]?.string ?? "")
                : ToolCall(id: id, name: full, argumentsJSON: try ChatCompletions.arguments(item["arguments"], field: "\(field).arguments"))
            messages.append(WireMessage(role: .assistant, calls: [call]))
        case "function_call_output", "custom_tool_call_output":
            let text = try Messages.resultText(output(item["output"]), field: "\(field).output")
            messages.append(WireMessage(role: .tool, text: text, callID: item["call_id"]?.string))
        case "item_reference":
            throw APIError.invalid("no items are kept; send the item itself", field: field)
        default:
            // Calls of tools that only their maker's servers run, and what came of them.
            ignore("\(field) (\(type))")
        }
    }

    /// What a tool gave: a text, parts, or an object that holds either.
    private static func output(_ value: JSON?) -> JSON? {
        guard let value, let object = value.object else { return value }
        return object["content"] ?? object["output"] ?? .text(value.text())
    }
}

/// `response`, whole or as events of its items.
struct ResponseEncoder: ReplyEncoder {
    /// What the answer repeats of the request.
    struct Form: Sendable {
        var instructions: JSON?
        var metadata: JSON?
        var tools: JSON?
        var toolChoice: JSON?
        var text: JSON?
        var reasoning: JSON?
        var maxTokens: Int?
        var temperature: Double?
        var topP: Double?
        var allowsParallelCalls: Bool
    }

    private enum Kind { case reasoning, message }
    private struct Open {
        var kind: Kind
        var id: String
        var text = ""
        var logged: [JSON] = []
        var pending: [JSON] = []
    }

    private let answer: Answer
    private let form: Form
    private var items: [JSON] = []
    private var open: Open?
    private var logged: [JSON] = []
    private var reply: ChatReply?
    private var sequence = 0

    init(_ answer: Answer, _ form: Form) { (self.answer, self.form) = (answer, form) }

    private mutating func event(_ type: String, _ members: [(String, JSON?)]) -> String {
        defer { sequence += 1 }
        return serverSentEvent(type, .members([("type", .text(type)), ("sequence_number", .number(sequence))] + members))
    }

    private func response(_ status: String, error: JSON = .null, reason: String? = nil) -> JSON {
        let details: JSON = reason.map { .members([("reason", .text($0))]) } ?? .null
        let usage: JSON = reply.map(Self.usage) ?? .null
        let head: [(String, JSON?)] = [
            ("id", .text("resp_\(answer.id)")), ("object", "response"), ("created_at", .number(answer.created)), ("status", .text(status)),
            ("background", false), ("error", error), ("incomplete_details", details), ("model", .text(answer.model.name)),
            ("output", JSON(.array(items))), ("usage", usage), ("previous_response_id", .null), ("store", false),
        ]
        return .members(head + repeated)
    }

    /// What the answer repeats of the request.
    private var repeated: [(String, JSON?)] {
        func number(_ value: Double?) -> JSON { value.map { JSON(.double($0)) } ?? .null }
        let text: JSON = ["format": ["type": "text"]], reasoning: JSON = ["effort": nil, "summary": nil]
        return [
            ("instructions", form.instructions ?? .null), ("max_output_tokens", form.maxTokens.map(JSON.number) ?? .null),
            ("parallel_tool_calls", JSON(.bool(form.allowsParallelCalls))), ("reasoning", form.reasoning ?? reasoning),
            ("temperature", number(form.temperature)), ("text", form.text ?? text), ("tool_choice", form.toolChoice ?? "auto"),
            ("tools", form.tools ?? []), ("top_p", number(form.topP)), ("truncation", "disabled"), ("metadata", form.metadata ?? [:]),
        ]
    }

    static func usage(_ reply: ChatReply) -> JSON {
        let (prompt, generated) = (reply.allPromptTokens, reply.summary.generatedTokens)
        return .members([
            ("input_tokens", .number(prompt)), ("input_tokens_details", ["cached_tokens": .number(reply.reusedTokens)]),
            ("output_tokens", .number(generated)), ("output_tokens_details", ["reasoning_tokens": .number(reply.summary.reasoningTokens)]),
            ("total_tokens", .number(prompt + generated)),
        ])
    }

    mutating func begin() -> [String] {
        let response = self.response("in_progress")
        return [event("response.created", [("response", response)]), event("response.in_progress", [("response", response)])]
    }

    // MARK: Items

    private func item(_ open: Open, status: String) -> JSON {
        switch open.kind {
        case .reasoning:
            let content: JSON = open.text.isEmpty ? [] : [["type": "reasoning_text", "text": .text(open.text)]]
            return .members([
                ("id", .text(open.id)), ("type", "reasoning"), ("summary", []), ("content", content), ("encrypted_content", .null),
                ("status", .text(status)),
            ])
        case .message:
            let content: JSON = status == "in_progress" ? [] : [part(open)]
            return .members([
                ("id", .text(open.id)), ("type", "message"), ("status", .text(status)), ("role", "assistant"), ("content", content),
            ])
        }
    }

    private func part(_ open: Open) -> JSON {
        open.kind == .reasoning
            ? ["type": "reasoning_text", "text": .text(open.text)]
            : ["type": "output_text", "text": .text(open.text), "annotations": [], "logprobs": JSON(.array(open.logged))]
    }

    private var place: [(String, JSON?)] { [("output_index", .number(items.count))] }

    private mutating func start(_ kind: Kind) -> [String] {
        var events = close()
        let opened = Open(kind: kind, id: (kind == .reasoning ? "rs_" : "msg_") + RandomID.text(24))
        open = opened
        events.append(event("response.output_item.added", place + [("item", item(opened, status: "in_progress"))]))
        events.append(event("response.content_part.added", within(opened) + [("part", part(opened))]))
        return events
    }

    private func within(_ open: Open) -> [(String, JSON?)] { [("item_id", .text(open.id))] + place + [("content_index", 0)] }

    private mutating func write(_ text: String, _ kind: Kind) -> [String] {
        var events: [String] = []
        if open?.kind != kind { events += start(kind) }
        guard var current = open else { return events }
        current.text += text
        let pending = current.pending
        current.pending = []
        open = current
        let name = kind == .reasoning ? "response.reasoning_text.delta" : "response.output_text.delta"
        events.append(
            event(name, within(current) + [("delta", .text(text)), ("logprobs", when(kind == .message, JSON(.array(pending))))]))
        return events
    }

    private mutating func close(status: String = "completed") -> [String] {
        guard let closed = open else { return [] }
        let name = closed.kind == .reasoning ? "response.reasoning_text.done" : "response.output_text.done"
        let text: [(String, JSON?)] = [
            ("text", .text(closed.text)), ("logprobs", when(closed.kind == .message, JSON(.array(closed.logged)))),
        ]
        var events = [event(name, within(closed) + text), event("response.content_part.done", within(closed) + [("part", part(closed))])]
        let item = self.item(closed, status: status)
        events.append(event("response.output_item.done", place + [("item", item)]))
        items.append(item)
        open = nil
        return events
    }

    mutating func encode(_ event: GenerationEvent, choice: Int) -> [String] {
        switch event {
        case .text(let text): return write(text, .message)
        case .reasoning(let text): return write(text, .reasoning)
        case .toolCall(let call): return close() + self.call(call)
        case .logProbabilities(let chosen, let mostLikely):
            let entry = LogProbabilityText.entry(chosen, mostLikely)
            if open?.kind == .message {
                open?.logged.append(entry)
                open?.pending.append(entry)
            }
            return []
        default: return []
        }
    }

    private mutating func call(_ call: ToolCall) -> [String] {
        let id = JSON.text(answer.note(call, choice: 0)), kind = answer.kinds[call.name] ?? .function
        let itemID = JSON.text("fc_" + RandomID.text(24))
        func item(_ text: String, status: String) -> JSON {
            var members: [(String, JSON?)] = [("id", itemID), ("status", .text(status)), ("call_id", id)]
            switch kind {
            case .custom: members += [("type", "custom_tool_call"), ("name", .text(call.name)), ("input", .text(text))]
            case .function: members += [("type", "function_call"), ("name", .text(call.name)), ("arguments", .text(text))]
            case .member(let namespace, let name):
                members += [("type", "function_call"), ("name", .text(name)), ("namespace", .text(namespace)), ("arguments", .text(text))]
            }
            return .members(members)
        }
        let text = kind == .custom ? call.freeText : call.argumentsJSON
        let (stem, key) = kind == .custom ? ("response.custom_tool_call_input", "input") : ("response.function_call_arguments", "arguments")
        let target: [(String, JSON?)] = [("item_id", itemID)] + place
        let done = item(text, status: "completed")
        let events = [
            event("response.output_item.added", place + [("item", item("", status: "in_progress"))]),
            event("\(stem).delta", target + [("delta", .text(text))]),
            event("\(stem).done", target + [(key, .text(text))]),
            event("response.output_item.done", place + [("item", done)]),
        ]
        items.append(done)
        return events
    }

    // MARK: The end

    private var incompleteReason: String? {
        switch reply?.summary.reason {
        case .length?, .contextFull?, .deadline?: "max_output_tokens"
        default: nil
        }
    }

    mutating func end(_ reply: ChatReply, choice: Int) -> [String] {
        self.reply = reply
        return close(status: incompleteReason == nil ? "completed" : "incomplete")
    }

    mutating func finish() -> [String] {
        if let reason = incompleteReason { return [event("response.incomplete", [("response", response("incomplete", reason: reason))])] }
        return [event("response.completed", [("response", response("completed"))])]
    }

    mutating func fail(_ error: APIError) -> [String] {
        [event("response.failed", [("response", response("failed", error: Self.error(error)))])]
    }

    static func fail(_ error: APIError) -> [String] {
        let response: JSON = [
            "id": .text("resp_" + RandomID.text(24)), "object": "response", "status": "failed", "output": [], "error": Self.error(error),
        ]
        return [serverSentEvent("response.failed", ["type": "response.failed", "sequence_number": 0, "response": response])]
    }

    private static func error(_ error: APIError) -> JSON {
        let code =
            switch error.kind {
            case .contextFull: "context_length_exceeded"
            case .busy: "rate_limit_exceeded"
            case .invalidRequest, .notFound: "invalid_prompt"
            default: "server_error"
            }
        return ["code": .text(code), "message": .text(error.message)]
    }

    func whole() -> JSON {
        response(incompleteReason == nil ? "completed" : "incomplete", reason: incompleteReason)
    }
}
