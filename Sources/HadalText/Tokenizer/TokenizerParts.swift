/// Everything that a tokenizer is made of.
struct TokenizerParts: Sendable {
    /// All tokens by id. Ids without a token are empty and unlisted.
    var tokens: TokenTable
    /// One per token.
    var kinds: [TokenKind]
    /// Matched before the normalizer.
    var added: AddedTokenMatcher
    /// Matched after it.
    var addedNormalized: AddedTokenMatcher
    var normalizer: Normalizer?
    var preTokenizer: PreTokenizer?
    var model: TokenizerModel
    var decoder: TokenDecoder
    /// Control and user-defined tokens decode to their spelling, without the decoder.
    var hasRawTokens = false
    /// A space goes before a text, and before each text that follows a special token.
    var addsSpaceBeforeText = false
    /// Spaces become this before the model sees them; empty for none.
    var spaceReplacement: [UInt8] = []
    /// What goes around one text, or two, for an encoder.
    var encoder = EncoderTemplates()
}

/// The last stage of encoding: a piece of text to ids.
enum TokenizerModel: Sendable {
    case bpe(BPEModel)
    case sentencePiece(SentencePieceModel)
    case unigram(UnigramModel)
    case wordPiece(WordPieceModel)
    /// A piece is a token, or else this unknown one; -1 drops it.
    case wordLevel(TokenTable, unknownID: Int32)
}
