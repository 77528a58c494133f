import Hadal
import HadalCore

/// `/v1/chat/completions`: requests of OpenAI's and DeepSeek's clients.
enum ChatCompletions {
    static let table = FieldTable(
        honoured: [
            "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k",
            "min_p",
            "repeat_penalty", "repetition_penalty", "presence_penalty", "frequency_penalty", "logit_bias", "seed", "n", "stop", "logprobs",
            "top_logprobs", "response_format", "tools", "tool_choice", "parallel_tool_calls", "reasoning_effort", "thinking",
            "chat_template_kwargs",
            "ignore_eos",
        ],
        harmless: [
            "user", "safety_identifier", "metadata", "store", "service_tier", "prompt_cache_key", "prompt_cache_retention", "verbosity",
            "cache_prompt", "id_slot", "timings_per_token",
        ],
        refused: [
            ("audio", "models that are served write text"),
            ("modalities", "models that are served write text; leave the field out"),
            ("prediction", "there is no predicted output"),
            ("web_search_options", "a server fetches nothing"),
            ("functions", "use 'tools'"),
            ("function_call", "use 'tool_choice'"),
            ("suffix", "/v1/completions takes it"),
            ("echo", "/v1/completions takes it"),
            ("best_of", "use 'n'"),
        ])

    static func request(_ document: JSONDocument) throws -> (InferenceRequest, ChatCompletionEncoder.Form) {
        var fields = try FieldReader(document.root, in: document)
        // A list of text alone asks for nothing else.
        var table = table
        if let kinds = fields.value("modalities")?.array, kinds.allSatisfy({ $0.string == "text" }) {
            table = FieldTable(
                honoured: table.honoured + ["modalities"], harmless: table.harmless,
                refused: table.refused.filter { $0.name != "modalities" })
        }
        try fields.check(table)
        var chat = InferenceRequest.Chat()
        let messages = try fields.requiredArray("messages")
        guard !messages.isEmpty else { throw fields.fail("messages", "must have at least one message") }
        for (index, value) in messages.enumerated() { chat.messages += try message(value, in: document, field: "messages[\(index)]") }
        if let last = messages.last, last["role"]?.string == "assistant", last["prefix"]?.bool == true {
            guard let prefix = chat.messages.popLast() else { throw fields.fail("messages", "the prefix is empty") }
            chat.prefix = prefix.text
        }
        for (index, tool) in (try fields.array("tools") ?? []).enumerated() {
            try CommonFields.addTool(tool, to: &chat.offer, field: "tools[\(index)]")
        }
        chat.toolChoice = try CommonFields.choice(fields.value("tool_choice"), &chat.offer)
        chat.allowsParallelCalls = try fields.bool("parallel_tool_calls") ?? true
        if let thinking = try fields.object("thinking") {
            switch thinking["type"]?.string {
            case "enabled": chat.thinking = .on
            case "disabled": chat.thinking = .off
            case "auto", "adaptive", nil: break
            default: throw fields.fail("thinking", "the type is enabled, disabled or auto")
            }
            chat.reasoningBudget = try CommonFields.reasoningBudget(thinking)
        }
        try CommonFields.apply(effort: fields.string("reasoning_effort"), to: &chat, field: "reasoning_effort")
        for member in try fields.object("chat_template_kwargs")?.members ?? [] { chat.variables.append((member.key, member.value)) }

        let isLogged = try fields.bool("logprobs") ?? false
        let top = try fields.integer("top_logprobs", in: 0...20)
        if top != nil, !isLogged { throw fields.fail("top_logprobs", "requires 'logprobs': true") }
        let options = try fields.object("stream_options")
        var request = InferenceRequest(.chat(chat))
        request.model = try fields.string("model")
        request.sampling = try SamplingFields(fields)
        request.maxTokens = try fields.integer("max_completion_tokens", in: 1 ... .max) ?? fields.integer("max_tokens", in: 1 ... .max)
        request.stop = try fields.strings("stop", most: 64)?.filter { !$0.isEmpty } ?? []
        request.choices = try fields.integer("n", in: 1...128) ?? 1
        request.topLogProbabilities = isLogged ? top ?? 0 : nil
        request.format = try CommonFields.format(fields.value("response_format"), field: "response_format")
        request.isStreamed = try fields.bool("stream") ?? false
        request.ignoresEndOfText = try fields.bool("ignore_eos") ?? false
        request.ignoredFields = fields.ignored
        return (request, ChatCompletionEncoder.Form(includesUsage: options?["include_usage"]?.bool ?? false))
    }

    /// A message, as one or none: of an assistant's turn that says nothing, one that is dropped later.
    static func message(_ value: JSON, in document: JSONDocument, field: String) throws -> [WireMessage] {
        guard value.object != nil else { throw APIError.invalid("a message is an object, not \(value.kindName)", field: field) }
        guard let role = value["role"]?.string else { throw APIError.invalid("a message has a role", field: "\(field).role") }
        let text = try MessageParts.text(value["content"], field: "\(field).content")
        switch role {
        case "system", "developer": return [WireMessage(role: .system, text: text)]
        case "user": return [WireMessage(role: .user, text: text)]
        case "assistant":
            var message = WireMessage(role: .assistant, text: text)
            message.reasoning = ["reasoning_content", "reasoning", "thinking"].lazy.compactMap { value[$0]?.string }.first { !$0.isEmpty }
            for (index, call) in (value["tool_calls"]?.array ?? []).enumerated() {
                message.calls.append(try self.call(call, field: "\(field).tool_calls[\(index)]"))
            }
            return [message]
        case "tool", "function":
            return [WireMessage(role: .tool, text: text, callID: value["tool_call_id"]?.string, name: value["name"]?.string)]
        default:
            throw APIError.invalid(
                "the role '\(role.prefix(60))' is not known: system, developer, user, assistant or tool", field: "\(field).role")
        }
    }

    static func call(_ value: JSON, field: String) throws -> ToolCall {
        let function = value["function"] ?? value["custom"] ?? value
        guard let name = function["name"]?.string else { throw APIError.invalid("a call has the name of its tool", field: field) }
        let id = value["id"]?.string ?? ""
        if value["custom"] != nil, let input = function["input"]?.string { return .freeText(id: id, name: name, input) }
        return ToolCall(id: id, name: name, argumentsJSON: try arguments(function["arguments"], field: "\(field).arguments"))
    }

    /// The text of a JSON object. What a model wrote that is none is kept as text in one, so that the conversation can go on.
    static func arguments(_ value: JSON?, field: String) throws -> String {
        guard let value, !value.isNull else { return "{}" }
        if value.object != nil { return value.text() }
        guard let text = value.string else {
            throw APIError.invalid("arguments are a string or an object, not \(value.kindName)", field: field)
        }
        if text.trimmingSpaces.isEmpty { return "{}" }
        if (try? JSONDocument(parsing: text, file: field).root.object) != nil { return text }
        return JSON.members([("arguments", .text(text))]).text()
    }
}

extension ToolCall {
    static func freeText(id: String, name: String, _ input: String) -> ToolCall {
        ToolCall(id: id, name: name, argumentsJSON: JSON.members([("input", .text(input))]).text())
    }

    /// Of a custom tool: its text.
    var freeText: String {
        (try? JSONDocument(parsing: argumentsJSON, file: "arguments").root["input"]?.string) ?? argumentsJSON
    }
}

/// `chat.completion`, whole or in chunks.
struct ChatCompletionEncoder: ReplyEncoder {
    struct Form: Sendable {
        /// Whether a stream ends with what was used.
        var includesUsage: Bool
    }

    private struct Choice {
        var hasBegun = false
        var calls: [JSON] = []
        var logProbabilities: [JSON] = []
        var pending: [JSON] = []
        var reply: ChatReply?
    }

    private let answer: Answer
    private let form: Form
    private var choices: [Choice]

    init(_ answer: Answer, _ form: Form) {
        (self.answer, self.form) = (answer, form)
        choices = Array(repeating: Choice(), count: answer.generations.count)
    }

    private var id: JSON { .text("chatcmpl-\(answer.id)") }
    private var created: JSON { .number(answer.created) }
    private var model: JSON { .text(answer.model.name) }

    private func chunk(_ choices: [JSON], usage: JSON? = nil) -> String {
        serverSentEvent(
            nil,
            .members([
                ("id", id), ("object", "chat.completion.chunk"), ("created", created), ("model", model),
                ("system_fingerprint", .text(answer.model.engine.fingerprint)), ("choices", JSON(.array(choices))),
                ("usage", when(form.includesUsage, usage ?? .null)),
            ]))
    }

    private mutating func delta(_ choice: Int, _ members: [(String, JSON?)], reason: String? = nil) -> String {
        var members = members
        if !choices[choice].hasBegun {
            choices[choice].hasBegun = true
            members.insert(("role", "assistant"), at: 0)
        }
        var logged: JSON?
        if answer.topLogProbabilities != nil {
            let pending = choices[choice].pending
            choices[choice].pending = []
            logged = pending.isEmpty ? .null : .members([("content", JSON(.array(pending)))])
        }
        return chunk([
            .members([
                ("index", .number(choice)), ("delta", .members(members)), ("logprobs", logged),
                ("finish_reason", reason.map(JSON.text) ?? .null),
            ])
        ])
    }

    mutating func begin() -> [String] { choices.indices.map { delta($0, [("content", "")]) } }

    mutating func encode(_ event: GenerationEvent, choice: Int) -> [String] {
        switch event {
        case .text(let text): return [delta(choice, [("content", .text(text))])]
        case .reasoning(let text): return [delta(choice, [("reasoning_content", .text(text))])]
        case .toolCall(let call):
            let item = self.item(call, choice)
            choices[choice].calls.append(item)
            let indexed = JSON.members(
                [("index", .number(choices[choice].calls.count - 1))] + (item.object?.members ?? []).map { ($0.key, $0.value) })
            return [delta(choice, [("tool_calls", JSON(.array([indexed])))])]
        case .logProbabilities(let chosen, let mostLikely):
            let entry = LogProbabilityText.entry(chosen, mostLikely)
            choices[choice].logProbabilities.append(entry)
            choices[choice].pending.append(entry)
            return []
        default: return []
        }
    }

    private func item(_ call: ToolCall, _ choice: Int) -> JSON {
        let id = JSON.text(answer.note(call, choice: choice))
        if answer.kinds[call.name] == .custom {
            return .members([
                ("id", id), ("type", "custom"), ("custom", .members([("name", .text(call.name)), ("input", .text(call.freeText))])),
            ])
        }
        return .members([
            ("id", id), ("type", "function"),
            ("function", .members([("name", .text(call.name)), ("arguments", .text(call.argumentsJSON))])),
        ])
    }

    mutating func end(_ reply: ChatReply, choice: Int) -> [String] {
        choices[choice].reply = reply
        return [delta(choice, [], reason: Self.reason(reply))]
    }

    mutating func finish() -> [String] { (form.includesUsage ? [chunk([], usage: usage)] : []) + ["data: [DONE]\n\n"] }

    mutating func fail(_ error: APIError) -> [String] { Self.fail(error) }
    static func fail(_ error: APIError) -> [String] { [serverSentEvent(nil, ErrorForm.openAI.json(error))] }

    static func reason(_ reply: ChatReply) -> String {
        switch reply.summary.reason {
        case .length, .contextFull, .deadline: "length"
        case .toolCalls: "tool_calls"
        default: reply.toolCalls.isEmpty ? "stop" : "tool_calls"
        }
    }

    private var usage: JSON { UsageText.chat(choices.compactMap(\.reply)) }

    func whole() -> JSON {
        .members([
            ("id", id), ("object", "chat.completion"), ("created", created), ("model", model),
            ("system_fingerprint", .text(answer.model.engine.fingerprint)),
            ("choices", JSON(.array(choices.indices.map(whole)))), ("usage", usage),
        ])
    }

    private func whole(_ index: Int) -> JSON {
        let choice = choices[index]
        guard let reply = choice.reply else { return .null }
        let hasCalls = !choice.calls.isEmpty
        let message = JSON.members([
            ("role", "assistant"), ("content", hasCalls && reply.answer.isEmpty ? .null : .text(reply.answer)), ("refusal", .null),
            ("reasoning_content", when(!reply.reasoning.isEmpty, .text(reply.reasoning))),
            ("tool_calls", when(hasCalls, JSON(.array(choice.calls)))),
        ])
        let logged: JSON =
            answer.topLogProbabilities == nil ? .null : .members([("content", JSON(.array(choice.logProbabilities))), ("refusal", .null)])
        return .members([
            ("index", .number(index)), ("message", message), ("logprobs", logged), ("finish_reason", .text(Self.reason(reply))),
        ])
    }
}

/// What an answer used, in the words of the interfaces.
enum UsageText {
    static func chat(_ replies: [ChatReply]) -> JSON {
        let prompt = replies.first?.allPromptTokens ?? 0, cached = replies.first?.reusedTokens ?? 0
        let generated = replies.reduce(0) { $0 + $1.summary.generatedTokens }
        let reasoning = replies.reduce(0) { $0 + $1.summary.reasoningTokens }
        return .members([
            ("prompt_tokens", .number(prompt)), ("completion_tokens", .number(generated)), ("total_tokens", .number(prompt + generated)),
            ("prompt_tokens_details", .members([("cached_tokens", .number(cached))])),
            ("completion_tokens_details", .members([("reasoning_tokens", .number(reasoning))])),
            ("prompt_cache_hit_tokens", .number(cached)), ("prompt_cache_miss_tokens", .number(prompt - cached)),
        ])
    }
}

/// Log probabilities in the words of the interfaces.
enum LogProbabilityText {
    static func entry(_ chosen: TokenLogProbability, _ mostLikely: [TokenLogProbability]) -> JSON {
        var entry = members(chosen)
        entry.append(("top_logprobs", JSON(.array(mostLikely.map { .members(members($0)) }))))
        return .members(entry)
    }

    private static func members(_ token: TokenLogProbability) -> [(String, JSON?)] {
        [
            ("token", .text(text(token))), ("logprob", JSON(.double(bounded(token.logProbability)))),
            ("bytes", JSON(.array(token.bytes.map { .number(Int($0)) }))),
        ]
    }

    static func text(_ token: TokenLogProbability) -> String { String(decoding: token.bytes, as: UTF8.self) }

    /// JSON has no infinity; clients know -9999 as very unlikely.
    static func bounded(_ value: Double) -> Double { value.isFinite ? value : -9999 }
}
