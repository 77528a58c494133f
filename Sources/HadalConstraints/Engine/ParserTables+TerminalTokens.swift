import HadalCore

extension ParserTables {
    /// What the vocabulary's tokens of one range of lengths do to a terminal.
    mutating func terminalTokens(
        _ node: Int32, _ horizon: Int, _ vocabulary: TokenVocabulary, _ steps: inout Int
    ) throws -> TerminalTokens {
        let fingerprint = arena.fingerprint(node, horizon: horizon)
        if let known = vocabulary.terminals.find(fingerprint, horizon: horizon) { return known }
        steps += vocabulary.triesByLength[horizon].count
        let made: TerminalTokens
        let node = arena.simplified(node, horizon: horizon)
        var relaxed = node
        while case let next = arena.relaxed(relaxed), next != relaxed { relaxed = next }
        if relaxed != node {
            let base = try terminalTokens(relaxed, horizon, vocabulary, &steps)
            made = try terminalTokens(node, vocabulary.triesByLength[horizon], vocabulary, relaxed: relaxed, base)
        } else {
            made = try terminalTokens(node, vocabulary.triesByLength[horizon], vocabulary)
        }
        vocabulary.terminals.keep(made, fingerprint, horizon: horizon)
        return made
    }

    /// The same from what is known of another terminal: two walks side by side, each of which goes only where they differ.
    private mutating func terminalTokens(
        _ start: Int32, _ trie: TokenTrie, _ vocabulary: TokenVocabulary, relaxed: Int32, _ base: TerminalTokens
    ) throws -> TerminalTokens {
        if case .many = base.crossing { return base }
        var reached = [Int32](repeating: start, count: trie.depth + 1)
        var reachedBase = [Int32](repeating: relaxed, count: trie.depth + 1)
        var isInside = [Bool](repeating: false, count: trie.tokens.count)
        var inside: [Int32] = []
        var excluded: [Int32] = []
        var ends: [Int] = []
        // Up to here all tokens are looked at by themselves, whatever the base says of them.
        var separate = 0
        var node = 0
        while node < trie.count {
            let entry = trie.nodes[node]
            let depth = Int(entry.depth)
            let byteClass = Int(arena.classes[Int(entry.byte)])
            var next = arena.rows[try arena.row(reached[depth - 1]) + byteClass]
            if next != RegexArena.nothing, try !arena.isAlive(next, limits) { next = RegexArena.nothing }
            if node >= separate {
                let nextBase = arena.rows[try arena.row(reachedBase[depth - 1]) + byteClass]
                if next == nextBase {
                    node = Int(entry.end)
                    continue
                }
                if next == RegexArena.nothing {
                    for index in Int(entry.firstToken)..<trie.tokenEnd(node) { excluded.append(trie.tokens[index]) }
                    node = Int(entry.end)
                    continue
                }
                let canEnd = arena.isNullable[Int(next)] || arena.isNullable[Int(nextBase)]
                if nextBase == RegexArena.nothing || canEnd && !trie.longerTokens(node).isEmpty {
                    separate = Int(entry.end)
                    for index in Int(entry.firstToken)..<trie.tokenEnd(node) { excluded.append(trie.tokens[index]) }
                }
                reachedBase[depth] = nextBase
            }
            if next == RegexArena.nothing {
                node = Int(entry.end)
                continue
            }
            reached[depth] = next
            if node < separate {
                for index in trie.ownTokens(node) {
                    isInside[index] = true
                    inside.append(trie.tokens[index])
                }
                if arena.isNullable[Int(next)], !trie.longerTokens(node).isEmpty { ends.append(node) }
            }
            node += 1
        }
        try checkMemory()
        let crossing = crossing(trie, ends: ends, isInside: isInside, vocabulary)
        if case .many = crossing { return TerminalTokens(inside: [], insideWords: [], crossing: .many) }
        return TerminalTokens(inside: inside, insideWords: [], crossing: crossing, base: base, excluded: excluded)
    }

    /// Walks through the tokens with one terminal alone.
    private mutating func terminalTokens(_ start: Int32, _ trie: TokenTrie, _ vocabulary: TokenVocabulary) throws -> TerminalTokens {
        var walk = TerminalWalk(trie, start: start, canEnd: arena.isNullable[Int(start)])
        while let (state, byte) = walk.run(trie) {
            let next = try arena.step(walk.nodes[state], Int(arena.classes[Int(byte)]))
            let isAlive = try next != RegexArena.nothing && arena.isAlive(next, limits)
            walk.learn(state, byte, isAlive ? next : nil, canEnd: arena.isNullable[Int(next)])
        }
        try checkMemory()
        let crossing = crossing(trie, ends: walk.ends, isInside: walk.isInside, vocabulary)
        if case .many = crossing { return TerminalTokens(inside: [], insideWords: [], crossing: .many) }
        var count = 0
        for inside in walk.isInside where inside { count += 1 }
        if count > vocabulary.count / 128 {
            var mask = TokenMask(tokenCount: vocabulary.count)
            for (index, token) in trie.tokens.enumerated() where walk.isInside[index] { mask.insert(Int(token)) }
            return TerminalTokens(inside: [], insideWords: mask.words, crossing: crossing)
        }
        var inside: [Int32] = []
        inside.reserveCapacity(count)
        for (index, token) in trie.tokens.enumerated() where walk.isInside[index] { inside.append(token) }
        return TerminalTokens(inside: inside, insideWords: [], crossing: crossing)
    }

    /// - Parameters:
    ///   - ends: nodes at which the terminal can end, in ascending order.
    ///   - isInside: by index into the tree's tokens.
    private func crossing(_ trie: TokenTrie, ends: [Int], isInside: [Bool], _ vocabulary: TokenVocabulary) -> TerminalTokens.Crossing {
        var restCount = 0
        var tokenCount = 0
        var counted = 0
        for node in ends {
            let longer = trie.longerTokens(node)
            for index in longer where !isInside[index] {
                restCount += 1
                if index >= counted { tokenCount += 1 }
            }
            counted = max(counted, longer.upperBound)
            if tokenCount > TerminalTokens.mostTokens { return .many }
        }
        let isList = restCount <= TerminalTokens.mostRests
        var entries: [(bytes: [UInt8], offset: Int, token: Int32)] = []
        entries.reserveCapacity(isList ? restCount : tokenCount)
        counted = 0
        for node in ends {
            let longer = trie.longerTokens(node)
            for index in longer where !isInside[index] && (isList || index >= counted) {
                let token = trie.tokens[index]
                entries.append((vocabulary.texts[Int(token)] ?? [], isList ? Int(trie.nodes[node].depth) : 0, token))
            }
            counted = max(counted, longer.upperBound)
        }
        return isList ? .rests(TokenTrie(entries)) : .tokens(TokenTrie(entries))
    }
}
