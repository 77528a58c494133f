/// A walk through all tokens with an automaton that is learnt on the way: it runs as far as it knows, and asks for one step.
struct TerminalWalk {
    private static let unknown: Int32 = -1
    private static let dead: Int32 = -2

    /// Of each state its node in the arena.
    private(set) var nodes: [Int32]
    /// By state and byte the next state.
    private var steps: [Int32]
    private var canEnd: [Bool]
    private var states: [Int32: Int32]
    /// By depth the state there.
    private var reached: [Int32]
    private var position = 0
    /// By index into the tree's tokens: whether the token can be gone through.
    private(set) var isInside: [Bool]
    /// Nodes of the tree at which the terminal can end and longer tokens go on, in ascending order.
    private(set) var ends: [Int] = []

    init(_ trie: TokenTrie, start: Int32, canEnd: Bool) {
        self.canEnd = [canEnd]
        nodes = [start]
        steps = Array(repeating: TerminalWalk.unknown, count: 256)
        states = [start: 0]
        reached = Array(repeating: 0, count: trie.depth + 1)
        isInside = Array(repeating: false, count: trie.tokens.count)
    }

    /// Runs on. Nil at the end, otherwise the step that must be learnt.
    mutating func run(_ trie: TokenTrie) -> (state: Int, byte: UInt8)? {
        let end = trie.count
        var node = position
        defer { position = node }
        return trie.nodes.withUnsafeBufferPointer { tree in
            steps.withUnsafeBufferPointer { steps in
                canEnd.withUnsafeBufferPointer { canEnd in
                    reached.withUnsafeMutableBufferPointer { reached in
                        isInside.withUnsafeMutableBufferPointer { isInside in
                            while node < end {
                                let entry = tree[node]
                                let state = reached[Int(entry.depth) - 1]
                                let next = steps[Int(state) << 8 | Int(entry.byte)]
                                if next < 0 {
                                    if next == TerminalWalk.unknown { return (Int(state), entry.byte) }
                                    node = Int(entry.end)
                                    continue
                                }
                                reached[Int(entry.depth)] = next
                                let after = Int(tree[node + 1].firstToken)
                                for index in Int(entry.firstToken)..<after { isInside[index] = true }
                                if canEnd[Int(next)], Int(tree[Int(entry.end)].firstToken) > after { ends.append(node) }
                                node += 1
                            }
                            return nil
                        }
                    }
                }
            }
        }
    }

    /// - Parameters:
    ///   - node: of what follows, nil where nothing can.
    ///   - canEnd: whether the terminal can end there.
    mutating func learn(_ state: Int, _ byte: UInt8, _ node: Int32?, canEnd: Bool) {
        guard let node else {
            steps[state << 8 | Int(byte)] = TerminalWalk.dead
            return
        }
        if states[node] == nil {
            states[node] = Int32(nodes.count)
            nodes.append(node)
            self.canEnd.append(canEnd)
            steps.append(contentsOf: repeatElement(TerminalWalk.unknown, count: 256))
        }
        steps[state << 8 | Int(byte)] = states[node] ?? TerminalWalk.dead
    }
}
