/// Leaves out what no text can be made of: a mask must never lead into a rule without an end.
struct GrammarPruning {
    private let first: Int
    private let isNothing: [Bool]
    private var productive: [Bool]

    /// - Parameter first: index of the first rule to look at; those before it are taken to be in order.
    init(_ grammar: Grammar, from first: Int) {
        self.first = first
        isNothing = grammar.terminals.map { $0 == .nothing }
        productive = [Bool](repeating: false, count: grammar.rules.count)
        for rule in 0..<first { productive[rule] = true }
        // For each alternative how many of its rules are not known to end, and for each rule the alternatives that wait for it.
        var missing: [Int] = []
        var owners: [Int] = []
        var waiting = [[Int]](repeating: [], count: grammar.rules.count)
        var ready: [Int] = []
        for rule in grammar.rules.indices.dropFirst(first) {
            for alternative in grammar.rules[rule] {
                var count = 0
                var canMatch = true
                for symbol in alternative {
                    switch symbol {
                    case .rule(let index) where index >= first:
                        count += 1
                        waiting[index].append(owners.count)
                    case .rule: continue
                    case .terminal(let index): if isNothing[index] { canMatch = false }
                    }
                }
                missing.append(canMatch ? count : .max)
                owners.append(rule)
                if canMatch && count == 0 && !productive[rule] {
                    productive[rule] = true
                    ready.append(rule)
                }
            }
        }
        while let rule = ready.popLast() {
            for alternative in waiting[rule] where missing[alternative] != .max {
                missing[alternative] -= 1
                let owner = owners[alternative]
                if missing[alternative] == 0 && !productive[owner] {
                    productive[owner] = true
                    ready.append(owner)
                }
            }
        }
    }

    func isProductive(_ symbol: Grammar.Symbol) -> Bool {
        switch symbol {
        case .rule(let index): productive[index]
        case .terminal(let index): !isNothing[index]
        }
    }

    /// Removes the alternatives that no text can be made of.
    func prune(_ grammar: inout Grammar) {
        for rule in grammar.rules.indices.dropFirst(first) {
            if grammar.rules[rule].allSatisfy({ $0.allSatisfy(isProductive) }) { continue }
            grammar.define(.rule(rule), grammar.rules[rule].filter { $0.allSatisfy(isProductive) })
        }
    }
}
