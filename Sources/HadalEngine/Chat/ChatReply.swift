public import HadalText

/// What a model replied, and what it took.
public struct ChatReply: Sendable {
    public var answer = ""
    /// What it thought before it answered, without the markers around it.
    public var reasoning = ""
    public var toolCalls: [ToolCall] = []
    /// Every token after the prompt, markers and injected ones included.
    public var tokens: [Int32] = []
    /// Tokens of the prompt that had to be processed.
    public var promptTokens: Int
    /// Tokens of the prompt that the session held already.
    public var reusedTokens: Int
    public var prefillSeconds: Double
    public var summary: GenerationSummary

    public init(promptTokens: Int, reusedTokens: Int, prefillSeconds: Double, summary: GenerationSummary) {
        self.promptTokens = promptTokens
        self.reusedTokens = reusedTokens
        self.prefillSeconds = prefillSeconds
        self.summary = summary
    }

    /// The turn as a message, to go on with.
    public var message: ChatMessage {
        .assistant(answer, reasoning: reasoning.isEmpty ? nil : reasoning, toolCalls: toolCalls)
    }
}
