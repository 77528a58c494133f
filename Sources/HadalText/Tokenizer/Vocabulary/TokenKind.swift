/// What a token is for. Raw values are those of GGUF's `tokenizer.ggml.token_type`.
package enum TokenKind: UInt8, Sendable {
    case undefined = 0
    case normal = 1
    case unknown = 2
    /// Steers the model; never part of a text.
    case control = 3
    /// Matched in every text as a whole, and part of it.
    case userDefined = 4
    case unused = 5
    /// Stands for one byte.
    case byte = 6
}
