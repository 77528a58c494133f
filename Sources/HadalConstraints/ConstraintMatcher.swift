import HadalCore

/// One text on its way through a constraint. A value: a copy goes on by itself, at the cost of a few array references.
///
/// Not to be used from two threads at once; any number of matchers of one constraint may be.
package struct ConstraintMatcher: Sendable {
    /// A place to return to.
    package struct Checkpoint: Sendable, Hashable {
        fileprivate let units: Int
        fileprivate let isEnded: Bool
    }

    package let constraint: CompiledConstraint
    package let vocabulary: TokenVocabulary
    /// The bytes so far.
    package private(set) var bytes: [UInt8] = []
    /// Whether a token that ends the text was accepted.
    package private(set) var isEnded = false
    private var generation: Int
    /// The configuration at the start and after each accepted piece, with the number of bytes up to there.
    private var history: [(configuration: Int32, length: Int)]

    package init(_ constraint: CompiledConstraint, _ vocabulary: TokenVocabulary) {
        self.constraint = constraint
        self.vocabulary = vocabulary
        let start = constraint.start
        generation = start.generation
        history = [(start.configuration, 0)]
    }

    private var current: Int32 { history[history.count - 1].configuration }

    // MARK: Going on

    /// Whether the token may come next, and if so, goes on behind it.
    ///
    /// - Throws: `HadalError.limitExceeded`; the matcher is then where it was.
    package mutating func accept(token: Int) throws -> Bool {
        if isEnded { return false }
        if vocabulary.endTokens.contains(token) {
            isEnded = try canEnd()
            return isEnded
        }
        guard vocabulary.texts.indices.contains(token), let text = vocabulary.texts[token] else { return false }
        return try accept(bytes: text)
    }

    /// Whether these bytes may come next, and if so, goes on behind them.
    ///
    /// - Throws: `HadalError.limitExceeded`; the matcher is then where it was.
    package mutating func accept(bytes: some Collection<UInt8>) throws -> Bool {
        if isEnded { return false }
        let next = try run { tables, current in
            var configuration = current
            for byte in bytes {
                configuration = try tables.step(configuration, byte)
                if configuration == ParserTables.dead { break }
            }
            return configuration
        }
        if next == ParserTables.dead { return false }
        self.bytes += bytes
        history.append((next, self.bytes.count))
        return true
    }

    // MARK: What may come

    /// The tokens that may come next; those that end the text exactly where it may end here.
    ///
    /// - Parameter mask: of the vocabulary; what was in it is forgotten.
    /// - Throws: `HadalError.limitExceeded`.
    package mutating func mask(into mask: inout TokenMask) throws {
        precondition(mask.tokenCount == vocabulary.count, "a mask of another vocabulary")
        mask.removeAll()
        if isEnded { return }
        let vocabulary = vocabulary
        try run { tables, current in
            // A try before this one may have stopped half way.
            mask.removeAll()
            try tables.addMask(current, vocabulary, to: &mask)
            if tables.configurations[Int(current)].canEnd { for token in vocabulary.endTokens { mask.insert(token) } }
        }
    }

    /// Whether the text may end here.
    package mutating func canEnd() throws -> Bool {
        if isEnded { return true }
        return try run { tables, current in tables.configurations[Int(current)].canEnd }
    }

    /// Whether the text may end here and nothing may follow.
    package mutating func isFinished() throws -> Bool {
        if isEnded { return true }
        return try run { tables, current in
            try tables.configurations[Int(current)].canEnd && tables.onlyByte(current) == ParserTables.noByte
        }
    }

    // MARK: Returning

    package var checkpoint: Checkpoint { Checkpoint(units: history.count, isEnded: isEnded) }

    /// - Parameter checkpoint: of this matcher or one that it was copied from, taken before what is to be undone.
    package mutating func rollBack(to checkpoint: Checkpoint) {
        precondition(checkpoint.units <= history.count, "a checkpoint ahead of the matcher")
        history.removeLast(history.count - checkpoint.units)
        bytes.removeLast(bytes.count - history[history.count - 1].length)
        isEnded = checkpoint.isEnded
    }

    // MARK: Tables

    /// Runs `body` with the tables and the current configuration.
    mutating func run<Result>(_ body: (inout ParserTables, Int32) throws -> Result) throws -> Result {
        let bytes = bytes
        var history = history
        defer { self.history = history }
        let constraint = constraint
        return try constraint.withTables(generation: &generation) { tables in
            // Configurations of emptied tables are made again from the text.
            var configuration = tables.start
            var done = 0
            for index in history.indices {
                while done < history[index].length {
                    configuration = try tables.step(configuration, bytes[done])
                    done += 1
                }
                history[index].configuration = configuration
            }
        } _: { tables in
            try body(&tables, history[history.count - 1].configuration)
        }
    }
}
