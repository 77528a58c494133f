/// A context-free grammar whose terminals are regular expressions over bytes.
///
/// Its language is exact: a string belongs to it if it can be divided into strings of the terminals in any way at all; no terminal takes
/// "the longest match". A grammar is built up, then compiled once and shared by any number of requests.
package struct Grammar: Sendable {
    package enum Symbol: Sendable, Hashable {
        /// Index into `terminals`.
        case terminal(Int)
        /// Index into `rules`.
        case rule(Int)
    }

    /// Each differs from the others.
    package private(set) var terminals: [ByteRegex] = []
    /// The alternatives of each rule; an alternative of no symbols is the empty string, a rule of no alternatives matches nothing.
    package private(set) var rules: [[[Symbol]]] = []
    /// What the whole text must be.
    package var start: Symbol = .rule(0)

    /// An expression and its hash, which takes as long to make as the expression.
    private struct Key: Hashable {
        let regex: ByteRegex
        let hash: Int

        init(_ regex: ByteRegex) {
            self.regex = regex
            hash = regex.hashValue
        }

        static func == (a: Key, b: Key) -> Bool { a.hash == b.hash && a.regex == b.regex }
        func hash(into hasher: inout Hasher) { hasher.combine(hash) }
    }

    private var known: [Key: Int] = [:]

    package init() {}

    /// A terminal of these strings; equal expressions share one.
    package mutating func terminal(_ regex: ByteRegex) -> Symbol {
        let key = Key(regex)
        if let index = known[key] { return .terminal(index) }
        known[key] = terminals.count
        terminals.append(regex)
        return .terminal(terminals.count - 1)
    }

    package mutating func text(_ text: String) -> Symbol { terminal(.text(text)) }

    /// A rule that is defined later, for grammars that refer to themselves.
    package mutating func declareRule() -> Symbol {
        rules.append([])
        return .rule(rules.count - 1)
    }

    /// - Parameter symbol: a rule of this grammar.
    package mutating func define(_ symbol: Symbol, _ alternatives: [[Symbol]]) {
        guard case .rule(let index) = symbol else { preconditionFailure("a terminal cannot be defined") }
        rules[index] = alternatives
    }

    /// A new rule of these alternatives.
    package mutating func rule(_ alternatives: [[Symbol]]) -> Symbol {
        let symbol = declareRule()
        define(symbol, alternatives)
        return symbol
    }
}
