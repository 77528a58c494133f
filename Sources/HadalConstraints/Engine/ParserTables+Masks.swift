import HadalCore

extension ParserTables {
    /// Masks that took fewer steps than this are not kept.
    private static let cheapSteps = 400

    /// Adds the tokens that may come next. Tokens that end the text are not among them.
    ///
    /// Texts of a configuration are those of its threads, so the tokens are too. Those of a terminal with many tokens come from
    /// `TerminalTokens`, and what is left of tokens that reach beyond it from a walk behind it; the rest comes from one walk through the
    /// vocabulary.
    mutating func addMask(_ index: Int32, _ vocabulary: TokenVocabulary, to mask: inout TokenMask) throws {
        masks.use(vocabulary.identity)
        if let known = masks.find(index) { return mask.formUnion(known) }
        var steps = 0
        let configuration = configurations[Int(index)]
        var light: [Thread] = []
        var isLight = true
        for place in Int(configuration.first)..<Int(configuration.end) {
            let thread = threads[place]
            let state = terminalStates[Int(thread.terminals)]
            var rest: [Remainder] = []
            for entry in Int(state.first)..<Int(state.end) {
                let remainder = remainders[entry]
                if try weight(of: remainder.node, vocabulary) > limits.heavyTokens,
                    try addHeavy(remainder, thread.origin, vocabulary, to: &mask, &steps)
                {
                    isLight = false
                } else {
                    rest.append(remainder)
                }
            }
            if rest.count == Int(state.end - state.first) {
                light.append(thread)
            } else if !rest.isEmpty {
                light.append(Thread(terminals: internTerminals(rest, completed: []), origin: thread.origin))
            }
        }
        let walked = isLight ? index : internConfiguration(light.sorted(), canEnd: false)
        if walked != ParserTables.dead { try walk(vocabulary.trie, from: walked, into: &mask, &steps) }
        if steps > ParserTables.cheapSteps { masks.keep(mask.words, index, limit: limits.maskMemory) }
    }

    private mutating func weight(of node: Int32, _ vocabulary: TokenVocabulary) throws -> Int32 {
        if let known = masks.weight(of: node) { return known }
        let simple = arena.simplified(node, horizon: 0)
        var sum = masks.weight(of: simple) ?? 0
        if sum == 0 {
            let row = try arena.row(simple)
            for byte in 0..<256 where arena.rows[row + Int(arena.classes[byte])] != RegexArena.nothing {
                sum += Int32(vocabulary.countByFirstByte[byte])
            }
            masks.keep(weight: sum, of: simple, nodes: arena.nodes.count)
        }
        masks.keep(weight: sum, of: node, nodes: arena.nodes.count)
        return sum
    }

    /// False where the terminal is better walked through.
    private mutating func addHeavy(
        _ remainder: Remainder, _ origin: Int32, _ vocabulary: TokenVocabulary, to mask: inout TokenMask, _ steps: inout Int
    ) throws -> Bool {
        var parts: [TerminalTokens] = []
        for horizon in vocabulary.triesByLength.indices where vocabulary.triesByLength[horizon].count > 0 {
            let part = try terminalTokens(remainder.node, horizon, vocabulary, &steps)
            if case .many = part.crossing { return false }
            parts.append(part)
        }
        steps += 100
        if parts.contains(where: { $0.base != nil }) {
            var shared = TokenMask(tokenCount: mask.tokenCount)
            for part in parts { if let base = part.base { try add(base, remainder, origin, to: &shared, &steps) } }
            for part in parts { for token in part.excluded { shared.remove(Int(token)) } }
            mask.formUnion(shared)
        }
        for part in parts { try add(part, remainder, origin, to: &mask, &steps) }
        return true
    }

    private mutating func add(
        _ part: TerminalTokens, _ remainder: Remainder, _ origin: Int32, to mask: inout TokenMask, _ steps: inout Int
    ) throws {
        if !part.insideWords.isEmpty { mask.formUnion(part.insideWords) }
        for token in part.inside { mask.insert(Int(token)) }
        steps += part.inside.count
        switch part.crossing {
        case .rests(let trie) where trie.count > 0:
            let follower = configuration(startingIn: try itemSet(after: [(origin, remainder.terminal)]))
            if follower != ParserTables.dead { try walk(trie, from: follower, into: &mask, &steps) }
        case .tokens(let trie):
            let alone = internTerminals([remainder], completed: [])
            let own = internConfiguration([Thread(terminals: alone, origin: origin)], canEnd: false)
            try walk(trie, from: own, into: &mask, &steps)
        case .rests, .many: break
        }
    }

    /// Adds the tokens whose texts lead to something that can be completed.
    private mutating func walk(_ trie: TokenTrie, from start: Int32, into mask: inout TokenMask, _ steps: inout Int) throws {
        var reached = [Int32](repeating: start, count: trie.depth + 1)
        var node = 0
        let end = trie.count
        try trie.nodes.withUnsafeBufferPointer { nodes in
            while node < end {
                let entry = nodes[node]
                let next = try step(reached[Int(entry.depth) - 1], entry.byte)
                steps += 1
                if next == ParserTables.dead {
                    node = Int(entry.end)
                    continue
                }
                reached[Int(entry.depth)] = next
                let afterOwn = nodes[node + 1].firstToken
                if afterOwn > entry.firstToken {
                    for index in Int(entry.firstToken)..<Int(afterOwn) { mask.insert(Int(trie.tokens[index])) }
                }
                node += 1
            }
        }
    }
}
