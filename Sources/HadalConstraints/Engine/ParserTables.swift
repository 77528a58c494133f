import HadalCore

/// Everything that is derived from a grammar while texts are matched, each thing once: states of terminals, of the parser, and of both.
///
/// A *state of terminals* is what remains of the terminals that began at one place of the text. An *item set* says what may follow a place
/// where terminals ended: positions in rules, each with the item set in which its rule began. A *configuration* is all that matters of a
/// text so far: states of terminals, each with the item set that they began in. Item sets refer to others by index and not to places of
/// the text, so that texts which leave the same to be done have the same configuration: the elements of an array, say.
///
/// Sources: Earley, "An efficient context-free parsing algorithm", 1970; Aycock and Horspool, "Practical Earley parsing", 2002 (nullable
/// rules); Leo, "A general context-free parsing algorithm running in linear time on every LR(k) grammar without using lookahead", 1991, of
/// which replacing the last symbol of an item by what it returns to is a variant.
struct ParserTables {
    /// A position in a rule, with what is complete when the rule is: `returns` in the item set `origin`, -1 for the text itself.
    struct Item: Hashable, Comparable {
        var position: Int32
        var returns: Int32
        var origin: Int32

        static func < (a: Item, b: Item) -> Bool {
            (a.position, a.returns, a.origin) < (b.position, b.returns, b.origin)
        }
    }

    /// What an item set becomes when a symbol is complete.
    struct Wait {
        var code: Int32
        var item: Item
    }

    struct ItemSet {
        /// Range in `waits`, sorted by code.
        var first: Int32
        var end: Int32
        /// State of the terminals that can begin here; 0 for none.
        var terminals: Int32
        var isAccepting: Bool
    }

    /// A terminal and the node of what remains of it.
    struct Remainder: Hashable {
        var terminal: Int32
        var node: Int32
    }

    struct TerminalState {
        /// Range in `remainders`.
        var first: Int32
        var end: Int32
        /// Range in `completed`.
        var firstCompleted: Int32
        var endCompleted: Int32
        /// Start of its row in `terminalRows`, or -1.
        var row: Int32 = -1
        /// `unknownByte`, or what its row allows: `noByte`, `manyBytes`, or the one byte.
        var only: Int16 = ParserTables.unknownByte
    }

    struct Thread: Hashable, Comparable {
        var terminals: Int32
        var origin: Int32

        static func < (a: Thread, b: Thread) -> Bool { (a.terminals, a.origin) < (b.terminals, b.origin) }
    }

    struct Configuration {
        /// Range in `threads`.
        var first: Int32
        var end: Int32
        /// Whether the text may end here.
        var canEnd: Bool
        /// Start of its row in `configurationRows`, or -1.
        var row: Int32 = -1
    }

    static let unknownByte: Int16 = -3
    static let noByte: Int16 = -2
    static let manyBytes: Int16 = -1
    /// In rows: not derived yet.
    static let unknown: Int32 = -1
    /// The configuration of texts that cannot be completed, and the state of no terminals.
    static let dead: Int32 = 0

    let grammar: FlatGrammar
    let limits: ConstraintLimits
    var arena: RegexArena

    var terminalStates: [TerminalState] = []
    var remainders: [Remainder] = []
    var completed: [Int32] = []
    var terminalRows: [Int32] = []
    var knownTerminalStates: [[Int32]: Int32] = [:]

    var itemSets: [ItemSet] = []
    var waits: [Wait] = []
    var knownItemSets: [[Int32]: Int32] = [:]
    /// By origin and terminal, where only these were complete.
    var followers: [UInt64: Int32] = [:]

    var configurations: [Configuration] = []
    var threads: [Thread] = []
    var configurationRows: [Int32] = []
    var knownConfigurations: [[Int32]: Int32] = [:]

    var masks = MaskCache()

    /// The configuration of the empty text.
    private(set) var start: Int32 = 0

    init(_ grammar: Grammar, _ limits: ConstraintLimits) throws {
        var arena = RegexArena(limits)
        self.grammar = try FlatGrammar(grammar, &arena, limits)
        self.arena = arena
        self.limits = limits
        _ = internTerminals([], completed: [])
        _ = internConfiguration([], canEnd: false)
        let set = try itemSet([Item(position: self.grammar.startPosition, returns: self.grammar.root, origin: -1)])
        start = configuration(startingIn: set)
    }

    /// Bytes that are held, roughly.
    var memory: Int {
        arena.memory + terminalStates.count * 160 + remainders.count * 24 + terminalRows.count * 4 + itemSets.count * 200 + waits.count * 40
            + configurations.count * 140 + threads.count * 24 + configurationRows.count * 4 + followers.count * 32
    }

    /// - Throws: `HadalError.limitExceeded`, after which the matcher begins with empty tables.
    func checkMemory() throws {
        guard memory <= limits.derivedMemory else {
            throw HadalError(.limitExceeded, "a constraint takes more than \(ByteCount(bytes: limits.derivedMemory)) of memory")
        }
    }

    // MARK: Configurations

    /// What begins in an item set.
    mutating func configuration(startingIn set: Int32) -> Int32 {
        let itemSet = itemSets[Int(set)]
        let threads = itemSet.terminals == 0 ? [] : [Thread(terminals: itemSet.terminals, origin: set)]
        return internConfiguration(threads, canEnd: itemSet.isAccepting)
    }

    /// - Parameter threads: sorted, each once.
    mutating func internConfiguration(_ threads: [Thread], canEnd: Bool) -> Int32 {
        var key: [Int32] = [canEnd ? 1 : 0]
        key.reserveCapacity(threads.count * 2 + 1)
        for thread in threads {
            key.append(thread.terminals)
            key.append(thread.origin)
        }
        if let known = knownConfigurations[key] { return known }
        let index = Int32(configurations.count)
        knownConfigurations[key] = index
        let first = Int32(self.threads.count)
        self.threads += threads
        configurations.append(Configuration(first: first, end: Int32(self.threads.count), canEnd: canEnd))
        return index
    }

    /// The configuration after one more byte; `dead` where no text begins so.
    mutating func step(_ index: Int32, _ byte: UInt8) throws -> Int32 {
        let byteClass = Int(arena.classes[Int(byte)])
        let row = configurations[Int(index)].row
        if row >= 0 {
            let known = configurationRows[Int(row) + byteClass]
            if known != ParserTables.unknown { return known }
        }
        return try derive(index, byteClass)
    }

    private mutating func derive(_ index: Int32, _ byteClass: Int) throws -> Int32 {
        try arena.checkWork()
        let configuration = configurations[Int(index)]
        arena.work += Int(configuration.end - configuration.first)
        var next: [Thread] = []
        var ended: [(origin: Int32, terminal: Int32)] = []
        for thread in Int(configuration.first)..<Int(configuration.end) {
            let (terminals, origin) = (threads[thread].terminals, threads[thread].origin)
            let target = try stepTerminals(terminals, byteClass)
            if target == ParserTables.dead { continue }
            let state = terminalStates[Int(target)]
            if state.end > state.first { next.append(Thread(terminals: target, origin: origin)) }
            for place in state.firstCompleted..<state.endCompleted { ended.append((origin, completed[Int(place)])) }
        }
        var canEnd = false
        if !ended.isEmpty {
            let set = try itemSet(after: ended)
            canEnd = itemSets[Int(set)].isAccepting
            if itemSets[Int(set)].terminals != 0 { next.append(Thread(terminals: itemSets[Int(set)].terminals, origin: set)) }
        }
        if next.count > 1 {
            next.sort()
            var kept = 1
            for place in 1..<next.count where next[place] != next[kept - 1] {
                next[kept] = next[place]
                kept += 1
            }
            next.removeLast(next.count - kept)
        }
        let result = internConfiguration(next, canEnd: canEnd)
        try checkMemory()
        if configurations[Int(index)].row < 0 {
            configurations[Int(index)].row = Int32(configurationRows.count)
            configurationRows.append(contentsOf: repeatElement(ParserTables.unknown, count: arena.representatives.count))
        }
        configurationRows[Int(configurations[Int(index)].row) + byteClass] = result
        return result
    }

    /// The one byte with which every continuation begins; `noByte` or `manyBytes` where there is none.
    mutating func onlyByte(_ index: Int32) throws -> Int16 {
        let configuration = configurations[Int(index)]
        var only = ParserTables.noByte
        for thread in Int(configuration.first)..<Int(configuration.end) {
            let next = try onlyByte(ofTerminals: threads[thread].terminals)
            if next == ParserTables.noByte || next == only { continue }
            if next == ParserTables.manyBytes || only != ParserTables.noByte { return ParserTables.manyBytes }
            only = next
        }
        return only
    }
}
