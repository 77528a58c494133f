import Foundation
import Hadal
import HadalCore
import Hummingbird

/// `/api/chat` and `/api/generate`: requests of Ollama's clients.
enum Ollama {
    static let table = FieldTable(
        honoured: [
            "model", "messages", "prompt", "suffix", "system", "stream", "format", "options", "tools", "think", "raw", "logprobs",
            "top_logprobs",
        ],
        harmless: ["keep_alive", "truncate", "shift"],
        refused: [
            ("images", "models that are served read text"),
            ("template", "the model's own chat template is used; 'raw' uses none"),
            ("context", "send the conversation as 'messages' to /api/chat"),
        ])
    static let options = FieldTable(
        honoured: [
            "temperature", "top_p", "top_k", "min_p", "repeat_penalty", "presence_penalty", "frequency_penalty", "seed", "num_predict",
            "stop",
        ],
        harmless: [
            "num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "num_keep", "use_mmap", "numa", "low_vram", "vocab_only",
            "typical_p", "repeat_last_n", "penalize_newline", "mirostat", "mirostat_eta", "mirostat_tau", "tfs_z",
        ],
        refused: [])

    static func chat(_ document: JSONDocument) throws -> (InferenceRequest, OllamaEncoder.Form) {
        var fields = try FieldReader(document.root, in: document)
        try fields.check(table)
        var chat = InferenceRequest.Chat()
        for (index, value) in try fields.requiredArray("messages").enumerated() {
            let field = "messages[\(index)]"
            if let images = value["images"]?.array, !images.isEmpty { throw MessageParts.unsupported("image", field: "\(field).images") }
            chat.messages += try message(value, in: document, field: field, &chat)
        }
        for (index, tool) in (try fields.array("tools") ?? []).enumerated() {
            try CommonFields.addTool(tool, to: &chat.offer, field: "tools[\(index)]")
        }
        return (try finish(&fields, chat), OllamaEncoder.Form(isChat: true))
    }

    /// Ollama's calls have no ids, and results name their tool: they belong to the calls before them, in their order.
    private static func message(
        _ value: JSON, in document: JSONDocument, field: String, _ chat: inout InferenceRequest.Chat
    ) throws -> [WireMessage] {
        var messages = try ChatCompletions.message(value, in: document, field: field)
        guard !messages.isEmpty else { return [] }
        for index in messages[0].calls.indices where messages[0].calls[index].id.isEmpty {
            messages[0].calls[index].id = "\(field).\(index)"
        }
        if messages[0].role == .tool, messages[0].callID == nil {
            messages[0].name = value["tool_name"]?.string ?? messages[0].name
            let results = chat.messages.reversed().prefix { $0.role == .tool }.count
            let calls = chat.messages.last { $0.role == .assistant }?.calls ?? []
            messages[0].callID = calls.indices.contains(results) ? calls[results].id : calls.last?.id
        }
        return messages
    }

    static func generate(_ document: JSONDocument) throws -> (InferenceRequest, OllamaEncoder.Form) {
        var fields = try FieldReader(document.root, in: document)
        try fields.check(table)
        let prompt = try fields.string("prompt") ?? ""
        if try fields.bool("raw") == true {
            var request = try finish(&fields, InferenceRequest.Chat())
            request.input = .text(prompt)
            return (request, OllamaEncoder.Form(isChat: false))
        }
        if let suffix = try fields.string("suffix"), !suffix.isEmpty {
            var request = try finish(&fields, InferenceRequest.Chat())
            request.input = .infill(before: prompt, after: suffix)
            return (request, OllamaEncoder.Form(isChat: false))
        }
        var chat = InferenceRequest.Chat()
        if let system = try fields.string("system"), !system.isEmpty { chat.messages.append(WireMessage(role: .system, text: system)) }
        chat.messages.append(WireMessage(role: .user, text: prompt))
        return (try finish(&fields, chat), OllamaEncoder.Form(isChat: false))
    }

    /// Whether a request asks for nothing but that the model be loaded.
    static func isEmpty(_ document: JSONDocument) -> Bool {
        let messages = document.root["messages"]?.array, prompt = document.root["prompt"]?.string
        return messages?.isEmpty ?? true && prompt?.isEmpty ?? true
    }

    private static func finish(_ fields: inout FieldReader, _ chat: InferenceRequest.Chat) throws -> InferenceRequest {
        var chat = chat
        if let think = fields.value("think") {
            if let isOn = think.bool {
                chat.thinking = isOn ? .on : .off
            } else {
                try CommonFields.apply(effort: think.string, to: &chat, field: "think")
            }
        }
        var request = InferenceRequest(.chat(chat))
        request.model = try fields.string("model")
        request.isStreamed = try fields.bool("stream") ?? true
        if let format = fields.value("format") {
            if format.object != nil {
                request.format = .schema(format, isStrict: true, field: "format")
            } else if format.string == "json" {
                request.format = .anyObject
            } else if format.string != "" {
                throw fields.fail("format", "must be \"json\" or a JSON schema")
            }
        }
        if try fields.bool("logprobs") == true { request.topLogProbabilities = try fields.integer("top_logprobs", in: 0...20) ?? 0 }
        if let value = fields.value("options") {
            var options = try FieldReader(value, in: fields.document, path: "options")
            try options.check(Self.options)
            request.sampling = try SamplingFields(options)
            request.maxTokens = try options.integer("num_predict", in: -2 ... .max).flatMap { $0 < 0 ? nil : $0 }
            request.stop = try options.strings("stop", most: 64)?.filter { !$0.isEmpty } ?? []
            options.ignored.forEach { fields.ignore($0) }
        }
        request.ignoredFields = fields.ignored
        return request
    }

    static func time(_ date: Date = Date()) -> JSON {
        .text(date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
    }
}

/// Lines of JSON, the last of them with what the answer took.
struct OllamaEncoder: ReplyEncoder {
    struct Form: Sendable {
        var isChat: Bool
    }

    static var contentType: String { "application/x-ndjson" }
    static var ping: String? { nil }

    private let answer: Answer
    private let form: Form
    private let started = ContinuousClock.now
    private var calls: [JSON] = []
    private var logged: [JSON] = []
    private var pending: [JSON] = []
    private var reply: ChatReply?

    init(_ answer: Answer, _ form: Form) { (self.answer, self.form) = (answer, form) }

    private func object(text: String, thinking: String, calls: [JSON], logged: [JSON], end: [(String, JSON?)]) -> JSON {
        let head: [(String, JSON?)] = [("model", .text(answer.model.name)), ("created_at", Ollama.time())]
        let thinking = when(!thinking.isEmpty, .text(thinking)), calls = when(!calls.isEmpty, JSON(.array(calls)))
        let body: [(String, JSON?)] =
            form.isChat
            ? [("message", .members([("role", "assistant"), ("content", .text(text)), ("thinking", thinking), ("tool_calls", calls)]))]
            : [("response", .text(text)), ("thinking", thinking), ("tool_calls", calls)]
        return .members(head + body + [("logprobs", when(!logged.isEmpty, JSON(.array(logged))))] + end)
    }

    private mutating func line(text: String = "", thinking: String = "", calls: [JSON] = []) -> [String] {
        defer { pending = [] }
        return [object(text: text, thinking: thinking, calls: calls, logged: pending, end: [("done", false)]).text() + "\n"]
    }

    mutating func begin() -> [String] { [] }

    mutating func encode(_ event: GenerationEvent, choice: Int) -> [String] {
        switch event {
        case .text(let text): return line(text: text)
        case .reasoning(let text): return line(thinking: text)
        case .toolCall(let call):
            let arguments = (try? JSONDocument(parsing: call.argumentsJSON, file: "arguments").root) ?? [:]
            let item = JSON.members([
                ("id", .text(answer.note(call, choice: choice))),
                ("function", .members([("index", .number(calls.count)), ("name", .text(call.name)), ("arguments", arguments)])),
            ])
            calls.append(item)
            return line(calls: [item])
        case .logProbabilities(let chosen, let mostLikely):
            let entry = LogProbabilityText.entry(chosen, mostLikely)
            logged.append(entry)
            pending.append(entry)
            return []
        default: return []
        }
    }

    private var end: [(String, JSON?)] {
        guard let reply else { return [("done", true)] }
        func nanoseconds(_ seconds: Double) -> JSON { .number(Int((seconds * 1e9).rounded())) }
        let total = (ContinuousClock.now - started).seconds
        let reason = ChatCompletionEncoder.reason(reply) == "length" ? "length" : "stop"
        return [
            ("done", true), ("done_reason", .text(reason)), ("total_duration", nanoseconds(total)), ("load_duration", 0),
            ("prompt_eval_count", .number(reply.allPromptTokens)), ("prompt_eval_duration", nanoseconds(reply.prefillSeconds)),
            ("eval_count", .number(reply.summary.generatedTokens)), ("eval_duration", nanoseconds(reply.summary.seconds)),
        ]
    }

    mutating func end(_ reply: ChatReply, choice: Int) -> [String] {
        self.reply = reply
        return []
    }

    mutating func finish() -> [String] { [object(text: "", thinking: "", calls: [], logged: pending, end: end).text() + "\n"] }
    mutating func fail(_ error: APIError) -> [String] { Self.fail(error) }
    static func fail(_ error: APIError) -> [String] { [ErrorForm.ollama.json(error).text() + "\n"] }

    func whole() -> JSON {
        object(text: reply?.answer ?? "", thinking: reply?.reasoning ?? "", calls: calls, logged: logged, end: end)
    }
}
