import HadalCore

extension Tokenizer {
    /// A text as an encoder reads it: with the special tokens that the vocabulary puts around it.
    ///
    /// Control tokens that are written in the text become their ids.
    /// - Parameter limit: the maximum number of tokens, special ones included; the end of a longer text is left out.
    /// - Throws: `invalidArgument` for a limit below the number of special tokens; what `encode` throws.
    package func encoderInput(_ text: String, limit: Int?) throws -> EncoderInput {
        try input([text], as: parts.encoder.single, limit)
    }

    /// Two texts as an encoder reads them, a question and a passage say.
    ///
    /// Of texts over the limit, first the longer one loses its end, until both are equally long; then both lose theirs.
    /// - Throws: as for one text.
    package func encoderInput(_ first: String, _ second: String, limit: Int?) throws -> EncoderInput {
        try input([first, second], as: parts.encoder.pair, limit)
    }

    private func input(_ texts: [String], as template: [EncoderTemplates.Piece], _ limit: Int?) throws -> EncoderInput {
        let added = template.count { !$0.isText }
        if let limit, limit < added {
            throw HadalError(
                .invalidArgument, "a limit of \(limit) tokens has no room for the \(added) special tokens of an input of this model")
        }
        let ids = try texts.map { try encode($0, parseSpecial: true) }
        let lengths = limit.map { Self.lengths(ids.map(\.count), limit: $0 - added) } ?? ids.map(\.count)
        var input = EncoderInput(tokens: [], tokenTypes: [], isTruncated: zip(ids, lengths).contains { $0.count > $1 })
        for piece in template {
            let count: Int
            switch piece {
            case .token(let id, _):
                input.tokens.append(id)
                count = 1
            case .text(let index, _):
                input.tokens += ids[index].prefix(lengths[index])
                count = lengths[index]
            }
            input.tokenTypes += repeatElement(piece.type, count: count)
        }
        return input
    }

    /// How much of one text, or of two, stays where all of it may have `limit` tokens. Source: `truncate_encodings` of the library
    /// `tokenizers`, with its strategy `longest_first`.
    private static func lengths(_ counts: [Int], limit: Int) -> [Int] {
        guard counts.count == 2, counts[0] + counts[1] > limit else { return counts.map { min($0, limit) } }
        let shorter = min(counts[0], counts[1])
        // The second of two equally long texts counts as the longer one.
        let firstIsShorter = counts[0] <= counts[1]
        var kept = (shorter: shorter, longer: max(shorter, limit - shorter))
        if kept.shorter + kept.longer > limit { kept = (limit / 2, limit / 2 + limit % 2) }
        return firstIsShorter ? [kept.shorter, kept.longer] : [kept.longer, kept.shorter]
    }
}
