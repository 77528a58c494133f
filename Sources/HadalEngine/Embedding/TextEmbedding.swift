/// A text as a vector.
public struct TextEmbedding: Sendable, Equatable {
    /// As many elements as the model's embeddings have, or as were asked for.
    public var values: [Float]
    /// Tokens of the text that were computed, special ones included.
    public var tokenCount: Int
    /// Whether the text was longer than the model takes, and its end was left out.
    public var isTruncated: Bool

    public init(values: [Float], tokenCount: Int, isTruncated: Bool) {
        self.values = values
        self.tokenCount = tokenCount
        self.isTruncated = isTruncated
    }
}
