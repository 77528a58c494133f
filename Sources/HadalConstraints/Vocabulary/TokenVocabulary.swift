import HadalCore
import Synchronization

/// The tokens of a model as texts, laid out for masks. Made once for a model and shared: all of it may be used from any thread.
package final class TokenVocabulary: Sendable {
    /// By token id; nil for those that stand for no text, which no constraint allows.
    package let texts: [[UInt8]?]
    /// Tokens that end a text, in ascending order.
    package let endTokens: [Int]
    package var count: Int { texts.count }

    /// All tokens.
    let trie: TokenTrie
    /// The tokens again, by length: those of at most `RegexArena.horizons` bytes and more than the one before.
    let triesByLength: [TokenTrie]
    /// By first byte: how many tokens begin so.
    let countByFirstByte: [Int]
    let terminals: TerminalTokensCache
    /// Differs from that of all other vocabularies of the process.
    let identity: Int

    private static let nextIdentity = Atomic(0)

    /// - Parameters:
    ///   - texts: by token id, in the bytes that the token adds to a text; nil for special tokens.
    ///   - endTokens: ids of the tokens that end a text; others are ignored.
    package init(_ texts: [[UInt8]?], endTokens: [Int]) {
        let ends = Set(endTokens.filter { texts.indices.contains($0) })
        var kept = texts
        for token in ends { kept[token] = nil }
        var entries: [(bytes: [UInt8], offset: Int, token: Int32)] = []
        entries.reserveCapacity(texts.count)
        var firsts = [Int](repeating: 0, count: 256)
        for (token, text) in kept.enumerated() {
            // A token without text would leave the constraint where it is, again and again.
            guard let text, let first = text.first, text.count <= Int(UInt16.max) else {
                kept[token] = nil
                continue
            }
            entries.append((text, 0, Int32(token)))
            firsts[Int(first)] += 1
        }
        self.texts = kept
        self.endTokens = ends.sorted()
        countByFirstByte = firsts
        trie = TokenTrie(entries)
        var tries: [TokenTrie] = []
        var lower = 0
        for horizon in RegexArena.horizons {
            tries.append(TokenTrie(entries.filter { $0.bytes.count > lower && $0.bytes.count <= Int(horizon) }))
            lower = Int(horizon)
        }
        triesByLength = tries
        identity = TokenVocabulary.nextIdentity.add(1, ordering: .relaxed).newValue
        terminals = TerminalTokensCache(limit: 64 << 20)
    }
}
