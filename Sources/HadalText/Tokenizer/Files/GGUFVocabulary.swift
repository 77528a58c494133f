/// The vocabulary of a GGUF file, apart from how the file is read.
public struct GGUFVocabulary: Sendable {
    /// `tokenizer.ggml.model`
    public var model = ""
    /// `tokenizer.ggml.pre`
    public var pre: String?
    /// `general.name`
    public var modelName = ""
    /// The spelling of each token, by id.
    public var tokens: [[UInt8]] = []
    /// One per token, or empty.
    public var scores: [Float] = []
    /// One per token, or empty for all normal.
    public var kinds: [TokenKind] = []
    /// Left part, a space, right part; the first has the highest priority.
    public var merges: [[UInt8]] = []
    public var bosID: Int?
    public var eosID: Int?
    public var eotID: Int?
    public var eomID: Int?
    public var unknownID: Int?
    public var separatorID: Int?
    public var padID: Int?
    public var maskID: Int?
    public var addBOS: Bool?
    public var addEOS: Bool?
    public var addSpacePrefix: Bool?
    /// Of unigram vocabularies: `tokenizer.ggml.remove_extra_whitespaces`, and `tokenizer.ggml.precompiled_charsmap`.
    public var removesExtraSpaces: Bool?
    public var normalizations: [UInt8] = []
    /// Where it came from, for errors.
    public var file = "vocabulary"

    public init() {}
}
