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
