extension ParserTables {
    /// - Parameters:
    ///   - remainders: sorted by terminal; what can go on.
    ///   - completed: sorted; terminals that may end here.
    mutating func internTerminals(_ remainders: [Remainder], completed: [Int32]) -> Int32 {
        var key: [Int32] = []
        key.reserveCapacity(remainders.count * 2 + completed.count + 1)
        for remainder in remainders {
            key.append(remainder.terminal)
            key.append(remainder.node)
        }
        key.append(-1)
        key += completed
        if let known = knownTerminalStates[key] { return known }
        let index = Int32(terminalStates.count)
        knownTerminalStates[key] = index
        let first = Int32(self.remainders.count)
        let firstCompleted = Int32(self.completed.count)
        self.remainders += remainders
        self.completed += completed
        terminalStates.append(
            TerminalState(
                first: first, end: Int32(self.remainders.count), firstCompleted: firstCompleted, endCompleted: Int32(self.completed.count)))
        return index
    }

    /// The state that terminals begin in, without those that match the empty string and nothing else.
    mutating func startTerminals(_ terminals: [Int32]) -> Int32 {
        var remainders: [Remainder] = []
        for terminal in terminals {
            let node = grammar.terminals[Int(terminal)]
            if node != RegexArena.empty { remainders.append(Remainder(terminal: terminal, node: node)) }
        }
        return internTerminals(remainders, completed: [])
    }

    mutating func stepTerminals(_ index: Int32, _ byteClass: Int) throws -> Int32 {
        let row = terminalStates[Int(index)].row
        if row >= 0 {
            let known = terminalRows[Int(row) + byteClass]
            if known != ParserTables.unknown { return known }
        } else {
            terminalStates[Int(index)].row = Int32(terminalRows.count)
            terminalRows.append(contentsOf: repeatElement(ParserTables.unknown, count: arena.representatives.count))
        }
        let state = terminalStates[Int(index)]
        arena.work += Int(state.end - state.first)
        var next: [Remainder] = []
        var ended: [Int32] = []
        for place in Int(state.first)..<Int(state.end) {
            let remainder = remainders[place]
            let target = try arena.step(remainder.node, byteClass)
            if target == RegexArena.nothing { continue }
            guard try arena.isAlive(target, limits) else { continue }
            if arena.isNullable[Int(target)] { ended.append(remainder.terminal) }
            if target != RegexArena.empty { next.append(Remainder(terminal: remainder.terminal, node: target)) }
        }
        let result = next.isEmpty && ended.isEmpty ? ParserTables.dead : internTerminals(next, completed: ended)
        terminalRows[Int(terminalStates[Int(index)].row) + byteClass] = result
        return result
    }

    mutating func onlyByte(ofTerminals index: Int32) throws -> Int16 {
        let known = terminalStates[Int(index)].only
        if known != ParserTables.unknownByte { return known }
        var only = ParserTables.noByte
        for byteClass in arena.representatives.indices where try stepTerminals(index, byteClass) != ParserTables.dead {
            let isSingle = arena.classes.lazy.filter { Int($0) == byteClass }.prefix(2).count == 1
            if only != ParserTables.noByte || !isSingle {
                only = ParserTables.manyBytes
                break
            }
            only = Int16(arena.representatives[byteClass])
        }
        terminalStates[Int(index)].only = only
        return only
    }
}
