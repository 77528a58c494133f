/// The vocabulary of a GGUF file, apart from how the file is read.
package struct GGUFVocabulary: Sendable {
    /// `tokenizer.ggml.model`
    package var model = ""
    /// `tokenizer.ggml.pre`
    package var pre: String?
    /// `general.name`
    package var modelName = ""
    /// The spelling of each token, by id.
    package var tokens: [[UInt8]] = []
    /// One per token, or empty.
    package var scores: [Float] = []
    /// One per token, or empty for all normal.
    package var kinds: [TokenKind] = []
    /// Left part, a space, right part; the first has the highest priority.
    package var merges: [[UInt8]] = []
    package var bosID: Int?
    package var eosID: Int?
    package var eotID: Int?
    package var eomID: Int?
    package var unknownID: Int?
    package var separatorID: Int?
    /// What begins the input of an encoder.
    package var classID: Int?
    package var padID: Int?
    package var maskID: Int?
    package var addBOS: Bool?
    package var addEOS: Bool?
    /// Whether the separator goes between two texts, behind what ends the first one.
    package var addSeparator: Bool?
    package var addSpacePrefix: Bool?
    /// Of WordPiece vocabularies: `tokenizer.ggml.normalizer.lowercase`, and `.strip_accents`, which follows the first where it is missing.
    package var lowercases: Bool?
    package var stripsAccents: Bool?
    /// How many types of tokens the model tells apart.
    package var tokenTypeCount: Int?
    /// Of unigram vocabularies: `tokenizer.ggml.remove_extra_whitespaces`, and `tokenizer.ggml.precompiled_charsmap`.
    package var removesExtraSpaces: Bool?
    package var normalizations: [UInt8] = []
    /// Where it came from, for errors.
    package var file = "vocabulary"

    package init() {}
}
