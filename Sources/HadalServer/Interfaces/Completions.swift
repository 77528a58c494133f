import Hadal
import HadalCore

/// `/v1/completions`: text that is continued, or filled in before a suffix.
enum Completions {
    static let table = FieldTable(
        honoured: [
            "model", "prompt", "suffix", "stream", "stream_options", "max_tokens", "temperature", "top_p", "top_k", "min_p",
            "repeat_penalty",
            "repetition_penalty", "presence_penalty", "frequency_penalty", "logit_bias", "seed", "n", "stop", "logprobs", "response_format",
            "ignore_eos",
        ],
        harmless: ["user", "cache_prompt", "id_slot"],
        refused: [
            ("echo", "the prompt is not repeated"),
            ("best_of", "use 'n'"),
        ])

    static func request(_ document: JSONDocument) throws -> (InferenceRequest, CompletionEncoder.Form) {
        var fields = try FieldReader(document.root, in: document)
        var table = table
        // The interface's own default.
        if fields.value("best_of")?.int == 1 {
            table = FieldTable(
                honoured: table.honoured + ["best_of"], harmless: table.harmless, refused: table.refused.filter { $0.name != "best_of" })
        }
        try fields.check(table)
        let input: InferenceRequest.Input
        let suffix = try fields.string("suffix").flatMap { $0.isEmpty ? nil : $0 }
        switch try prompt(fields) {
        case .text(let text): input = suffix.map { .infill(before: text, after: $0) } ?? .text(text)
        case let other:
            guard suffix == nil else { throw fields.fail("suffix", "requires a prompt that is a string") }
            input = other
        }
        let top = try fields.integer("logprobs", in: 0...20)
        var request = InferenceRequest(input)
        request.model = try fields.string("model")
        request.sampling = try SamplingFields(fields)
        // The interface's own default.
        request.maxTokens = try fields.integer("max_tokens", in: 0 ... .max) ?? 16
        request.stop = try fields.strings("stop", most: 64)?.filter { !$0.isEmpty } ?? []
        request.choices = try fields.integer("n", in: 1...128) ?? 1
        request.topLogProbabilities = top
        request.format = try CommonFields.format(fields.value("response_format"), field: "response_format")
        request.isStreamed = try fields.bool("stream") ?? false
        request.ignoresEndOfText = try fields.bool("ignore_eos") ?? false
        request.ignoredFields = fields.ignored
        let includesUsage = try fields.object("stream_options")?["include_usage"]?.bool ?? false
        return (request, CompletionEncoder.Form(includesUsage: includesUsage))
    }

    /// One prompt: a string, or an array of ids; either may stand alone in an array.
    private static func prompt(_ fields: FieldReader) throws -> InferenceRequest.Input {
        guard let value = fields.value("prompt") else { throw fields.fail("prompt", "is required") }
        if let text = value.string { return .text(text) }
        guard let list = value.array, let first = list.first else {
            throw fields.fail("prompt", "must be a string or an array of token ids")
        }
        if first.string != nil || first.array != nil {
            guard list.count == 1 else { throw fields.fail("prompt", "has \(list.count) prompts; one request takes one") }
            if let text = first.string { return .text(text) }
        }
        return .tokens(try ids(first.array ?? list, field: "prompt"))
    }

    static func ids(_ list: [JSON], field: String) throws -> [Int32] {
        try list.enumerated().map { index, value in
            guard let id = value.int.flatMap(Int32.init(exactly:)), id >= 0 else {
                throw APIError.invalid("must be the id of a token", field: "\(field)[\(index)]")
            }
            return id
        }
    }
}

/// `text_completion`, whole or in pieces.
struct CompletionEncoder: ReplyEncoder {
    struct Form: Sendable {
        var includesUsage: Bool
    }

    private struct Choice {
        var logged: [(chosen: TokenLogProbability, mostLikely: [TokenLogProbability])] = []
        var told = 0
        var reply: ChatReply?
    }

    private let answer: Answer
    private let form: Form
    private var choices: [Choice]

    init(_ answer: Answer, _ form: Form) {
        (self.answer, self.form) = (answer, form)
        choices = Array(repeating: Choice(), count: answer.generations.count)
    }

    private func object(_ choices: [JSON], usage: JSON?) -> JSON {
        .members([
            ("id", .text("cmpl-\(answer.id)")), ("object", "text_completion"), ("created", .number(answer.created)),
            ("model", .text(answer.model.name)), ("system_fingerprint", .text(answer.model.engine.fingerprint)),
            ("choices", JSON(.array(choices))), ("usage", usage),
        ])
    }

    private func choice(_ index: Int, _ text: String, from first: Int, reason: String?) -> JSON {
        .members([
            ("index", .number(index)), ("text", .text(text)), ("logprobs", logged(index, from: first)),
            ("finish_reason", reason.map(JSON.text) ?? .null),
        ])
    }

    private func logged(_ index: Int, from first: Int) -> JSON {
        guard answer.topLogProbabilities != nil else { return .null }
        let entries = choices[index].logged
        var offset = entries.prefix(first).reduce(0) { $0 + LogProbabilityText.text($1.chosen).unicodeScalars.count }
        var offsets: [JSON] = []
        for entry in entries[first...] {
            offsets.append(.number(offset))
            offset += LogProbabilityText.text(entry.chosen).unicodeScalars.count
        }
        let rest = entries[first...]
        return .members([
            ("tokens", JSON(.array(rest.map { .text(LogProbabilityText.text($0.chosen)) }))),
            ("token_logprobs", JSON(.array(rest.map { JSON(.double(LogProbabilityText.bounded($0.chosen.logProbability))) }))),
            (
                "top_logprobs",
                JSON(
                    .array(
                        rest.map { entry in
                            JSON(
                                .object(
                                    JSONObject(
                                        entry.mostLikely.map {
                                            (LogProbabilityText.text($0), JSON(.double(LogProbabilityText.bounded($0.logProbability))))
                                        })))
                        }))
            ),
            ("text_offset", JSON(.array(offsets))),
        ])
    }

    mutating func begin() -> [String] { [] }

    mutating func encode(_ event: GenerationEvent, choice: Int) -> [String] {
        switch event {
        case .text(let text): return [piece(choice, text, reason: nil)]
        case .logProbabilities(let chosen, let mostLikely):
            choices[choice].logged.append((chosen, mostLikely))
            return []
        default: return []
        }
    }

    private mutating func piece(_ choice: Int, _ text: String, reason: String?) -> String {
        let first = choices[choice].told
        choices[choice].told = choices[choice].logged.count
        return serverSentEvent(
            nil, object([self.choice(choice, text, from: first, reason: reason)], usage: when(form.includesUsage, .null)))
    }

    mutating func end(_ reply: ChatReply, choice: Int) -> [String] {
        choices[choice].reply = reply
        return [piece(choice, "", reason: ChatCompletionEncoder.reason(reply))]
    }

    private var usage: JSON { UsageText.chat(choices.compactMap(\.reply)) }

    mutating func finish() -> [String] {
        (form.includesUsage ? [serverSentEvent(nil, object([], usage: usage))] : []) + ["data: [DONE]\n\n"]
    }

    mutating func fail(_ error: APIError) -> [String] { Self.fail(error) }
    static func fail(_ error: APIError) -> [String] { ChatCompletionEncoder.fail(error) }

    func whole() -> JSON {
        let texts = choices.indices.map { index in
            choice(index, choices[index].reply?.answer ?? "", from: 0, reason: choices[index].reply.map(ChatCompletionEncoder.reason))
        }
        return object(texts, usage: usage)
    }
}
