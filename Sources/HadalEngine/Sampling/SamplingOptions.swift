package import HadalCore

/// How the next token is chosen from the logits.
///
/// Applied in this order: biases, penalties, suppressed tokens, temperature 0 (argmax), top-k, top-p, min-p, temperature, draw.
public struct SamplingOptions: Sendable, Equatable {
    /// 0: always the most likely token. Otherwise logits are divided by it.
    public var temperature: Double
    /// Keep the k most likely tokens; 0: all.
    public var topK: Int
    /// Keep the fewest tokens whose probabilities sum to at least this; 1: all.
    public var topP: Double
    /// Keep tokens at least this fraction as likely as the most likely one; 0: all.
    public var minP: Double
    /// Divides positive and multiplies negative logits of tokens in the sequence, prompt included; 1: off.
    public var repetitionPenalty: Double
    /// Subtracted once from the logits of tokens that were generated; those of the prompt do not count.
    public var presencePenalty: Double
    /// Subtracted for every time that a token was generated.
    public var frequencyPenalty: Double
    /// Only so many of the last tokens are penalised, by all three penalties; 0: none, nil: the whole sequence.
    public var penaltyWindow: Int?
    /// Added to the logits of tokens, by id. Ids outside the vocabulary mean nothing.
    public var logitBias: [Int32: Double]
    /// Tokens that are never chosen.
    public var suppressed: SuppressedTokens
    /// The same seed gives the same tokens on the same backend with the same thread count; nil: a random seed.
    public var seed: UInt64?

    public init(
        temperature: Double = 0.8, topK: Int = 40, topP: Double = 0.95, minP: Double = 0, repetitionPenalty: Double = 1,
        presencePenalty: Double = 0, frequencyPenalty: Double = 0, penaltyWindow: Int? = nil, logitBias: [Int32: Double] = [:],
        suppressed: SuppressedTokens = SuppressedTokens(), seed: UInt64? = nil
    ) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.repetitionPenalty = repetitionPenalty
        self.presencePenalty = presencePenalty
        self.frequencyPenalty = frequencyPenalty
        self.penaltyWindow = penaltyWindow
        self.logitBias = logitBias
        self.suppressed = suppressed
        self.seed = seed
    }

    /// Always the most likely token.
    public static let greedy = SamplingOptions(temperature: 0)

    /// - Throws: `invalidArgument` naming the first setting out of range.
    public func validate() throws {
        func check(_ good: Bool, _ message: String) throws {
            guard good else { throw HadalError(.invalidArgument, message) }
        }
        try check(temperature.isFinite && temperature >= 0, "temperature must be 0 or more, not \(temperature)")
        try check(topK >= 0, "top-k must be 0 or more, not \(topK)")
        try check(topP > 0 && topP <= 1, "top-p must be above 0 and at most 1, not \(topP)")
        try check(minP >= 0 && minP <= 1, "min-p must be between 0 and 1, not \(minP)")
        try check(repetitionPenalty.isFinite && repetitionPenalty > 0, "repetition penalty must be above 0, not \(repetitionPenalty)")
        try check(presencePenalty.isFinite, "presence penalty must be a number")
        try check(frequencyPenalty.isFinite, "frequency penalty must be a number")
        for (token, bias) in logitBias { try check(!bias.isNaN, "the bias of token \(token) must be a number") }
        if let penaltyWindow { try check(penaltyWindow >= 0, "the penalty window must be 0 or more, not \(penaltyWindow)") }
    }
}

extension SamplingOptions {
    /// By the names that configuration files use; the seed and suppressed tokens apart.
    package var json: JSON {
        [
            "temperature": JSON(.double(temperature)), "top_k": JSON(.int(Int64(topK))), "top_p": JSON(.double(topP)),
            "min_p": JSON(.double(minP)), "repetition_penalty": JSON(.double(repetitionPenalty)),
            "presence_penalty": JSON(.double(presencePenalty)), "frequency_penalty": JSON(.double(frequencyPenalty)),
            "penalty_window": penaltyWindow.map { JSON(.int(Int64($0))) } ?? .null,
        ]
    }
}
