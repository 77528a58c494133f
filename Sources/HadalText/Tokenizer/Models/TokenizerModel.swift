/// The last stage of encoding: a piece of text to ids.
enum TokenizerModel: Sendable {
    case bpe(BPEModel)
    case sentencePiece(SentencePieceModel)
    case unigram(UnigramModel)
    case wordPiece(WordPieceModel)
    /// A piece is a token, or else this unknown one; -1 drops it.
    case wordLevel(TokenTable, unknownID: Int32)
}
