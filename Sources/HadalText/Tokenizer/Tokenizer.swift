import HadalCore
package import Synchronization

/// Text to token ids and back.
///
/// Made from a tokenizer.json (`init(contentsOf:)`), from a model's directory (`init(directory:)`) or from a GGUF
/// vocabulary (`init(_ vocabulary:)`). Immutable: any number of threads may use one tokenizer at once.
public final class Tokenizer: Sendable {
    /// Longer texts are refused: positions inside a text are 32 bits wide.
    package static let maximumTextLength = 1 << 30

    /// How many ids there are, gaps included: every id is below it.
    public let count: Int
    package let special: SpecialTokens
    let parts: TokenizerParts
    /// How many ids have become text. For tests: a generation decodes each of its tokens once.
    package let decodedTokens = Atomic<Int>(0)

    init(_ parts: TokenizerParts, special: SpecialTokens) {
        self.parts = parts
        self.special = special
        count = parts.tokens.count
    }

    private func check(_ id: Int32) throws -> Int {
        guard id >= 0, Int(id) < count else {
            throw HadalError(.invalidArgument, "token id \(id) is not in 0..<\(count)")
        }
        return Int(id)
    }

    /// The token as its vocabulary spells it: `Ġhello`, `▁hello`, `<0x0A>`.
    public func token(_ id: Int32) throws -> [UInt8] { Array(parts.tokens[try check(id)]) }

    /// The id of a token by its spelling in the vocabulary.
    public func id(of token: String) -> Int32? { parts.tokens.find(token) }

    package func kind(_ id: Int32) throws -> TokenKind { parts.kinds[try check(id)] }

    /// Whether an id is a control token: one that steers the model and is no part of a text.
    public func isControl(_ id: Int32) throws -> Bool {
        let kind = parts.kinds[try check(id)]
        return kind == .control || kind == .unknown
    }

    /// The bytes that an id adds to a text. They need not be whole characters.
    public func tokenBytes(_ id: Int32) throws -> [UInt8] { try tokenBytes(id, isFirst: false) }

    /// - Parameter isFirst: the id is the first of its text, where some vocabularies drop a leading space.
    func tokenBytes(_ id: Int32, isFirst: Bool) throws -> [UInt8] {
        let index = try check(id)
        let token = Array(parts.tokens[index])
        if parts.hasRawTokens, parts.kinds[index] != .normal, parts.kinds[index] != .byte { return token }
        return parts.decoder.bytes(of: token, isFirst: isFirst)
    }

    /// The ids with the tokens around them that a prompt gets. Those in front are not doubled where they are there already.
    public func withBoundaryTokens(_ ids: [Int32]) -> [Int32] { withPrefix(ids) + special.suffix }

    /// The ids with the tokens in front of them that a prompt gets, unless they are there already.
    package func withPrefix(_ ids: [Int32]) -> [Int32] { ids.starts(with: special.prefix) ? ids : special.prefix + ids }
}
