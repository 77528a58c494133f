/// The last stage of encoding: a piece of text to ids.
enum TokenizerModel: Sendable {
    case bpe(BPEModel)
    case sentencePiece(SentencePieceModel)
}
