import Hadal
import HadalConstraints
import HadalCore
import HadalServing

/// What any of the interfaces asks of a model.
struct InferenceRequest {
    enum Input {
        case chat(Chat)
        case text(String)
        case tokens([Int32])
        /// What goes between two texts.
        case infill(before: String, after: String)
    }

    struct Chat {
        var messages: [WireMessage] = []
        var offer = ToolOffer()
        var toolChoice = ToolChoice.auto
        var allowsParallelCalls = true
        var thinking = ThinkingMode.automatic
        var reasoningBudget: Int?
        /// How the answer begins.
        var prefix: String?
        /// Further variables of the chat template.
        var variables: [(name: String, value: JSON)] = []
    }

    /// What an answer must be.
    enum Format {
        case text
        case anyObject
        /// - isStrict: a schema that cannot be enforced is an error; otherwise the answer is any JSON.
        case schema(JSON, isStrict: Bool, field: String)
    }

    /// nil: the first model that is served.
    var model: String?
    var input: Input
    var sampling = SamplingFields()
    var maxTokens: Int?
    var stop: [String] = []
    var choices = 1
    var topLogProbabilities: Int?
    var format = Format.text
    var isStreamed = false
    var ignoresEndOfText = false
    var ignoredFields: [String] = []

    init(_ input: Input) { self.input = input }

    var chat: Chat? { if case .chat(let chat) = input { chat } else { nil } }
}

/// What a request says about sampling; nil: what the model's files recommend.
struct SamplingFields {
    var temperature: Double?
    var topP: Double?
    var topK: Int?
    var minP: Double?
    var repetitionPenalty: Double?
    var presencePenalty: Double?
    var frequencyPenalty: Double?
    var logitBias: [Int32: Double] = [:]
    var seed: UInt64?

    func apply(to sampling: inout SamplingOptions) {
        if let temperature { sampling.temperature = temperature }
        if let topP { sampling.topP = topP }
        if let topK { sampling.topK = topK }
        if let minP { sampling.minP = minP }
        if let repetitionPenalty { sampling.repetitionPenalty = repetitionPenalty }
        if let presencePenalty { sampling.presencePenalty = presencePenalty }
        if let frequencyPenalty { sampling.frequencyPenalty = frequencyPenalty }
        if !logitBias.isEmpty { sampling.logitBias = logitBias }
        sampling.seed = seed
    }
}

extension SamplingFields {
    /// Reads the fields that the OpenAI interfaces share, and those that local servers add.
    init(_ fields: FieldReader) throws {
        temperature = try fields.number("temperature", in: 0...100)
        topP = try fields.number("top_p", in: 0...1).map { max($0, 1e-6) }
        topK = try fields.integer("top_k", in: -1 ... .max).map { max($0, 0) }
        minP = try fields.number("min_p", in: 0...1)
        repetitionPenalty = try fields.number("repeat_penalty", in: 0.01...100) ?? fields.number("repetition_penalty", in: 0.01...100)
        presencePenalty = try fields.number("presence_penalty", in: -100...100)
        frequencyPenalty = try fields.number("frequency_penalty", in: -100...100)
        seed = try Self.seed(fields, "seed")
        for member in try fields.object("logit_bias")?.members ?? [] {
            guard let id = Int32(member.key) else { throw fields.fail("logit_bias", "'\(member.key)' is not the id of a token") }
            guard let bias = member.value.double, (-100...100).contains(bias) else {
                throw fields.fail("logit_bias", "the bias of token \(id) must be a number from -100 to 100")
            }
            logitBias[id] = bias <= -100 ? -.infinity : bias
        }
    }

    /// -1 and other negative numbers: a random seed.
    static func seed(_ fields: FieldReader, _ key: String) throws -> UInt64? {
        try fields.integer(key, in: .min ... .max).flatMap { $0 < 0 ? nil : UInt64($0) }
    }
}
