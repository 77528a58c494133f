/// Turns tokens back into bytes.
///
/// A token's bytes depend on nothing but the token and whether it is the first of a text, so that text can be streamed.
struct TokenDecoder: Sendable {
    enum Step: Sendable {
        /// Characters of the byte alphabet to bytes; a token with any other character stays as it is.
        case byteLevel
        /// `<0xXX>` to the byte; ends the steps for such a token.
        case byteFallback
        case replace([UInt8], with: [UInt8])
        /// Up to so many of a character at either end of every token.
        case strip([UInt8], start: Int, stop: Int)
        /// Replacement characters to spaces; in the first token they go, if `dropsInFirst`.
        case metaspace([UInt8], dropsInFirst: Bool)
        /// A space before every token but the first and those that go on a word, which lose their prefix; `tidies` joins punctuation to the word.
        case wordPiece(prefix: [UInt8], tidies: Bool)
    }

    /// What a WordPiece decoder replaces in every token, one after the other.
    private static let tidied: [([UInt8], [UInt8])] = [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" do not", " don't"),
        (" 's", "'s"),
        (" 've", "'ve"), (" 're", "'re"),
    ].map { (Array($0.0.utf8), Array($0.1.utf8)) }

    var steps: [Step] = []
    /// Up to so many of this at the very start of a text go.
    var leadingStrip: (content: [UInt8], count: Int) = ([], 0)
    /// Stands between tokens; empty but for tokenizers without a decoder.
    var separator: [UInt8] = []

    func bytes(of token: [UInt8], isFirst: Bool) -> [UInt8] {
        var bytes = token
        for step in steps {
            switch step {
            case .byteLevel: bytes = ByteAlphabet.decode(bytes) ?? bytes
            case .byteFallback: if let byte = ByteToken.byte(bytes) { return [byte] }
            case .replace(let old, let new): bytes = UTF8Text.replacing(old, with: new, in: bytes)
            case .strip(let content, let start, let stop):
                var (low, high) = (0, bytes.count)
                for _ in 0..<start {
                    guard bytes[low..<high].starts(with: content) else { break }
                    low += content.count
                }
                for _ in 0..<stop {
                    guard high - low >= content.count, bytes[(high - content.count)..<high].elementsEqual(content) else { break }
                    high -= content.count
                }
                bytes = Array(bytes[low..<high])
            case .metaspace(let replacement, let dropsInFirst):
                bytes = UTF8Text.replacing(replacement, with: isFirst && dropsInFirst ? [] : [0x20], in: bytes)
            case .wordPiece(let prefix, let tidies):
                if !isFirst {
                    bytes = bytes.starts(with: prefix) && !prefix.isEmpty ? Array(bytes.dropFirst(prefix.count)) : [0x20] + bytes
                }
                if tidies { for (old, new) in Self.tidied { bytes = UTF8Text.replacing(old, with: new, in: bytes) } }
            }
        }
        return isFirst || separator.isEmpty ? bytes : separator + bytes
    }
}
