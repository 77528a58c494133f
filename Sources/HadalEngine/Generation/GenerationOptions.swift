public import HadalConstraints
import HadalCore
public import HadalText

/// What a generation does and when it ends.
public struct GenerationOptions: Sendable {
    public var sampling: SamplingOptions
    /// Most tokens to generate; nil: until the model stops or the context is full.
    public var maxTokens: Int?
    /// Most tokens of prompt and answer together, and at least one of the answer; nil: no such limit.
    public var maxLength: Int?
    /// Texts that end the answer; they are not part of it.
    public var stopStrings: [String]
    /// Go on past the model's own end tokens.
    public var ignoreEndOfText: Bool
    /// Draft tokens ahead when the engine was loaded to; the tokens are the same with and without.
    public var speculates: Bool
    /// Report the log probability of each token that is chosen, and of so many of the most likely ones at its place; nil: none.
    public var logProbabilities: Int?
    /// What the answer must be, from its first token to its end; nil: any text. Reasoning before the answer is free, whether the prompt or the
    /// model opens it. `ignoreEndOfText` means nothing then.
    public var constraint: TextConstraint?

    public init(
        sampling: SamplingOptions = SamplingOptions(), maxTokens: Int? = nil, maxLength: Int? = nil, stopStrings: [String] = [],
        ignoreEndOfText: Bool = false, speculates: Bool = true, logProbabilities: Int? = nil, constraint: TextConstraint? = nil
    ) {
        self.sampling = sampling
        self.maxTokens = maxTokens
        self.maxLength = maxLength
        self.stopStrings = stopStrings
        self.ignoreEndOfText = ignoreEndOfText
        self.speculates = speculates
        self.logProbabilities = logProbabilities
        self.constraint = constraint
    }

    /// - Throws: `invalidArgument` for a negative `maxTokens` and for more log probabilities than `mostLogProbabilities`.
    func check() throws {
        if let maxTokens, maxTokens < 0 { throw HadalError(.invalidArgument, "max-tokens must be 0 or more, not \(maxTokens)") }
        if let logProbabilities, !(0...Self.mostLogProbabilities).contains(logProbabilities) {
            throw HadalError(
                .invalidArgument,
                "log probabilities of \(logProbabilities) tokens at each place; 0 to \(Self.mostLogProbabilities) are possible")
        }
    }

    /// Most of the most likely tokens whose log probabilities can be asked for.
    public static let mostLogProbabilities = 128

    /// Most tokens to generate after a prompt; nil: no limit but the context.
    func tokenLimit(promptLength: Int) -> Int? {
        let rest = maxLength.map { max($0 - promptLength, 1) }
        return maxTokens.map { min($0, rest ?? .max) } ?? rest
    }
}

/// What a generation reports as it goes.
public enum GenerationEvent: Sendable {
    /// Of the prompt's tokens whose state lies on disk, so many have been read. Before all others.
    case restored(tokens: Int, of: Int)
    /// Text to show: whole characters, stop strings withheld.
    case text(String)
    /// What the model thinks before it answers. Only from `reply`, where the model's form of reasoning is known.
    case reasoning(String)
    /// All that came as text until now was thought before the answer began: the model closed reasoning that it never opened. Take
    /// the text back, and add this one, which is the same without line ends around it, to the reasoning. Only from `reply`.
    case textWasReasoning(String)
    /// The model wants a tool called. Only from `reply`, when tools were offered.
    case toolCall(ToolCall)
    /// A token was chosen. Its text may come later, together with others.
    case token(Int32)
    /// What the model gave the token of the event before, and the most likely ones at its place: the most likely first, of equals the
    /// lower id. When `GenerationOptions.logProbabilities` asks for it.
    case logProbabilities(TokenLogProbability, mostLikely: [TokenLogProbability])
    /// The last event.
    case finished(GenerationSummary)
}

/// How a generation went.
public struct GenerationSummary: Sendable {
    public enum Reason: String, Sendable {
        /// The model ended its answer.
        case endOfText = "stop"
        /// A stop string appeared.
        case stopString = "stop_string"
        /// `maxTokens` or `maxLength` was reached.
        case length = "length"
        /// The context is full.
        case contextFull = "context_full"
        /// The caller cancelled.
        case cancelled = "cancelled"
        /// The request's deadline passed.
        case deadline = "deadline"
        /// The model ended its answer with calls of tools, and waits for their results.
        case toolCalls = "tool_calls"
    }
    public var reason: Reason
    /// The stop string that appeared, where that is the reason.
    public var stopString: String?
    public var generatedTokens: Int
    /// Of the generated tokens: those that the model chose while it reasoned.
    public var reasoningTokens = 0
    /// Of the generated tokens: those that the runtime wrote to close reasoning over its budget.
    public var injectedTokens = 0
    public var seconds: Double
    public var seed: UInt64
    /// What drafting did; nil without it.
    public var speculation: SpeculationSummary?

    /// Generated tokens per second.
    public var tokensPerSecond: Double { seconds > 0 ? Double(generatedTokens) / seconds : 0 }
}

/// What whoever receives the events or tokens of a generation wants next.
public enum Reaction: Sendable {
    case `continue`
    /// End the generation; what came until then is kept.
    case stop
}

/// How a generation of tokens went.
public struct TokenSummary: Sendable {
    /// Never `stopString` or `toolCalls`, which are seen in text only.
    public var reason: GenerationSummary.Reason
    public var generatedTokens: Int
    public var seconds: Double
    public var seed: UInt64
    /// What drafting did; nil without it.
    public var speculation: SpeculationSummary?

    /// Generated tokens per second.
    public var tokensPerSecond: Double { seconds > 0 ? Double(generatedTokens) / seconds : 0 }
}
