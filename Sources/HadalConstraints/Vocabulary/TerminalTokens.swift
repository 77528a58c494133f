import Synchronization

/// What a vocabulary's tokens of some lengths do to one terminal, whatever stands around it.
final class TerminalTokens: Sendable {
    enum Crossing: Sendable {
        /// Of each token what is left of it behind a place where the terminal can end, for each such place.
        case rests(TokenTrie)
        /// The tokens themselves: their rests are more, since the terminal can end at many places.
        case tokens(TokenTrie)
        /// So many that walking through all of the vocabulary is better.
        case many
    }

    /// Tokens that lie wholly inside the terminal: a list of them where they are few, otherwise a mask's words.
    let inside: [Int32]
    let insideWords: [UInt64]
    /// Tokens that reach beyond it.
    let crossing: Crossing
    /// A terminal that differs from this one in few tokens, and has no such base itself: its tokens are this one's too.
    let base: TerminalTokens?
    /// Tokens of the base that are not this one's, unless they are listed here again.
    let excluded: [Int32]

    init(inside: [Int32], insideWords: [UInt64], crossing: Crossing, base: TerminalTokens? = nil, excluded: [Int32] = []) {
        self.inside = inside
        self.insideWords = insideWords
        self.crossing = crossing
        self.base = base
        self.excluded = excluded
    }

    static let mostRests = 4_000
    static let mostTokens = 12_000

    var memory: Int {
        let crossing: Int
        switch self.crossing {
        case .rests(let trie), .tokens(let trie): crossing = trie.nodes.count * 12 + trie.tokens.count * 4
        case .many: crossing = 0
        }
        return (inside.count + excluded.count) * 4 + insideWords.count * 8 + crossing + 200
    }
}

/// Shared by all constraints of a vocabulary: strings of JSON are the same in each of them.
final class TerminalTokensCache: Sendable {
    private struct State {
        var known: [[RegexFingerprint: TerminalTokens]] = Array(repeating: [:], count: RegexArena.horizons.count)
        var memory = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    func find(_ fingerprint: RegexFingerprint, horizon: Int) -> TerminalTokens? {
        state.withLock { $0.known[horizon][fingerprint] }
    }

    /// Forgets all others when the limit is reached.
    func keep(_ tokens: TerminalTokens, _ fingerprint: RegexFingerprint, horizon: Int) {
        state.withLock { state in
            if state.memory + tokens.memory > limit { state = State() }
            state.memory += tokens.memory
            state.known[horizon][fingerprint] = tokens
        }
    }
}
