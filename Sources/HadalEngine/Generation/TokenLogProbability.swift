import HadalText

/// What a model gave a token at some place of a text, before biases, penalties, masks and temperature.
public struct TokenLogProbability: Sendable, Equatable {
    public var token: Int32
    /// What the token adds to a text, perhaps a part of a character. Empty for ids without a token.
    public var bytes: [UInt8]
    /// The natural logarithm of its probability.
    public var logProbability: Double
}

extension GenerationEvent {
    /// Of a chosen token and the most likely ones at its place.
    ///
    /// - Parameters:
    ///   - logits: `[vocabulary]`.
    ///   - count: of the most likely.
    ///   - position: of the token, for messages.
    /// - Throws: `malformed` when the logits are not numbers.
    static func logProbabilities(
        of token: Int32, _ logits: UnsafeBufferPointer<Float>, count: Int, tokenizer: Tokenizer?, position: Int
    ) throws -> GenerationEvent {
        let probabilities = try LogProbabilities(logits, position: position)
        func entry(_ id: Int) -> TokenLogProbability {
            let bytes = tokenizer.flatMap { id < $0.count ? try? $0.tokenBytes(Int32(id)) : nil } ?? []
            return TokenLogProbability(token: Int32(id), bytes: bytes, logProbability: probabilities(id))
        }
        var best: [Int] = []
        for id in logits.indices where best.count < count || best.last.map({ logits[id] > logits[$0] }) ?? false {
            best.insert(id, at: best.firstIndex { logits[$0] < logits[id] } ?? best.count)
            if best.count > count { best.removeLast() }
        }
        return .logProbabilities(entry(Int(token)), mostLikely: best.map(entry))
    }
}
