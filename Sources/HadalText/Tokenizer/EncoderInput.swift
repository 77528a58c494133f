/// What an encoder reads for one text, or for two: their tokens with the special ones among them, and the type of each.
public struct EncoderInput: Sendable, Equatable {
    public var tokens: [Int32]
    /// One per token: 0 for the first text and the tokens around it, in most models 1 for the second text of two.
    public var tokenTypes: [Int32]
    /// Whether tokens of a text were left out because of a limit.
    public var isTruncated: Bool

    public init(tokens: [Int32], tokenTypes: [Int32], isTruncated: Bool = false) {
        self.tokens = tokens
        self.tokenTypes = tokenTypes
        self.isTruncated = isTruncated
    }
}
