import HadalCore

/// A grammar as the parser reads it: without what can never be completed, symbols as codes, alternatives one after the other.
///
/// A code is a rule's index, or the number of rules plus a terminal's index. A position is an index into `symbols`: a place between two
/// symbols of an alternative.
struct FlatGrammar: Sendable {
    static let end: Int32 = -1

    /// Codes of all alternatives, each ended by `end`.
    private(set) var symbols: [Int32] = []
    /// By code: whether it matches the empty string.
    private(set) var isNullable: [Bool]
    /// Of each rule the positions at which its text can begin: the starts of its alternatives, and what lies behind nullable symbols.
    private(set) var firstPositions: [[Int32]]
    /// Of each terminal its node in the arena.
    let terminals: [Int32]
    let ruleCount: Int32
    /// Of an alternative that is the start symbol alone.
    let startPosition: Int32

    /// The code of what the start position belongs to.
    var root: Int32 { ruleCount + Int32(terminals.count) }

    /// - Throws: `HadalError`, where the grammar matches nothing at all or exceeds a limit.
    init(_ grammar: Grammar, _ arena: inout RegexArena, _ limits: ConstraintLimits) throws {
        var used = [Bool](repeating: false, count: grammar.terminals.count)
        var size = 0
        func code(_ symbol: Grammar.Symbol) throws -> Int32 {
            switch symbol {
            case .rule(let index) where grammar.rules.indices.contains(index): return Int32(index)
            case .terminal(let index) where grammar.terminals.indices.contains(index):
                used[index] = true
                return Int32(grammar.rules.count + index)
            default: throw HadalError(.invalidArgument, "a grammar names a symbol that it does not have")
            }
        }
        var rules: [[[Int32]]] = []
        rules.reserveCapacity(grammar.rules.count)
        for alternatives in grammar.rules {
            var coded: [[Int32]] = []
            for alternative in alternatives {
                size += alternative.count + 1
                guard size <= limits.grammarSymbols else {
                    throw HadalError(.limitExceeded, "a grammar has more than \(limits.grammarSymbols) symbols")
                }
                coded.append(try alternative.map(code))
            }
            rules.append(coded)
        }
        let start = try code(grammar.start)
        ruleCount = Int32(rules.count)
        let count = rules.count + grammar.terminals.count

        var nodes: [Int32] = []
        nodes.reserveCapacity(grammar.terminals.count)
        for (index, terminal) in grammar.terminals.enumerated() {
            nodes.append(used[index] ? try arena.read(terminal, limits) : RegexArena.nothing)
        }
        terminals = nodes
        arena.fixClasses()

        var isProductive = [Bool](repeating: false, count: count)
        var isNullable = [Bool](repeating: false, count: count)
        for (index, node) in nodes.enumerated() where used[index] {
            isProductive[rules.count + index] = try arena.isAlive(node, limits)
            isNullable[rules.count + index] = arena.isNullable[Int(node)]
        }
        FlatGrammar.close(&isProductive, rules)
        FlatGrammar.close(&isNullable, rules)
        guard isProductive[Int(start)] else { throw HadalError(.invalidArgument, "the constraint matches no text at all") }

        var starts: [[Int32]] = []
        for alternatives in rules {
            var positions: [Int32] = []
            for alternative in alternatives where alternative.allSatisfy({ isProductive[Int($0)] }) {
                positions.append(Int32(symbols.count))
                symbols += alternative
                symbols.append(FlatGrammar.end)
            }
            starts.append(positions)
        }
        startPosition = Int32(symbols.count)
        symbols += [start, FlatGrammar.end]
        self.isNullable = isNullable
        firstPositions = []
        for positions in starts {
            var firsts: [Int32] = []
            for position in positions {
                var position = Int(position)
                while symbols[position] != FlatGrammar.end {
                    firsts.append(Int32(position))
                    guard isNullable[Int(symbols[position])] else { break }
                    position += 1
                }
            }
            firstPositions.append(firsts)
        }
    }

    /// Adds the rules that have an alternative of members alone, until there are no more. Takes time linear in the grammar's size.
    private static func close(_ members: inout [Bool], _ rules: [[[Int32]]]) {
        var missing: [Int] = []
        var owners: [Int] = []
        var uses = [[Int32]](repeating: [], count: members.count)
        var found: [Int] = []
        for (rule, alternatives) in rules.enumerated() {
            for alternative in alternatives {
                var count = 0
                for code in alternative where !members[Int(code)] {
                    uses[Int(code)].append(Int32(missing.count))
                    count += 1
                }
                missing.append(count)
                owners.append(rule)
                if count == 0, !members[rule] { found.append(rule) }
            }
        }
        while let rule = found.popLast() {
            if members[rule] { continue }
            members[rule] = true
            for use in uses[rule] {
                missing[Int(use)] -= 1
                if missing[Int(use)] == 0, !members[owners[Int(use)]] { found.append(owners[Int(use)]) }
            }
        }
    }
}
