package import HadalConstraints

/// Which parts of a text which symbols match, by repeating the definition until nothing is added.
package struct NaiveGrammar {
    private let grammar: Grammar
    private let bytes: [UInt8]
    /// By terminal and start, where it can end.
    private let terminals: [[Set<Int>]]
    /// By rule and start, where it can end.
    private var rules: [[Set<Int>]]

    package static func matches(_ grammar: Grammar, _ bytes: [UInt8]) -> Bool {
        NaiveGrammar(grammar, bytes).ends(grammar.start, 0).contains(bytes.count)
    }

    private init(_ grammar: Grammar, _ bytes: [UInt8]) {
        self.grammar = grammar
        self.bytes = bytes
        terminals = grammar.terminals.map { terminal in (0...bytes.count).map { NaiveRegex.ends(terminal, bytes, $0) } }
        rules = grammar.rules.map { _ in Array(repeating: [], count: bytes.count + 1) }
        var changed = true
        while changed {
            changed = false
            for rule in rules.indices {
                for start in 0...bytes.count {
                    for alternative in grammar.rules[rule] {
                        let found = alternative.reduce(into: Set([start])) { places, symbol in
                            places = Set(places.flatMap { ends(symbol, $0) })
                        }
                        if !found.isSubset(of: rules[rule][start]) {
                            rules[rule][start].formUnion(found)
                            changed = true
                        }
                    }
                }
            }
        }
    }

    private func ends(_ symbol: Grammar.Symbol, _ start: Int) -> Set<Int> {
        switch symbol {
        case .terminal(let index): terminals[index][start]
        case .rule(let index): rules[index][start]
        }
    }
}
