import HadalCore
import Synchronization

/// A grammar, ready to be matched. Made once and shared: all of it may be used from any thread, and what one request derives serves the
/// others.
package final class CompiledConstraint: Sendable {
    private let initial: ParserTables
    private let tables: Mutex<Shared>
    package let limits: ConstraintLimits

    private struct Shared {
        var tables: ParserTables
        /// How often the tables were emptied: indices into them hold for one generation.
        var generation = 0
    }

    /// - Throws: `HadalError` of code `invalidArgument` where the grammar matches no text at all, `limitExceeded` where it is too large.
    package init(_ grammar: Grammar, limits: ConstraintLimits = ConstraintLimits()) throws {
        self.limits = limits
        initial = try ParserTables(grammar, limits)
        tables = Mutex(Shared(tables: initial))
    }

    /// Runs `body` with the tables, which no other thread uses meanwhile.
    ///
    /// Where they have grown to their limit, or were emptied since `generation`, they begin empty and `recover` is called first.
    func withTables<Result>(
        generation: inout Int, recover: (inout ParserTables) throws -> Void, _ body: (inout ParserTables) throws -> Result
    ) throws -> Result {
        try tables.withLock { shared throws in
            shared.tables.arena.work = 0
            if shared.generation != generation {
                try recover(&shared.tables)
                generation = shared.generation
            }
            do {
                return try body(&shared.tables)
            } catch let error as HadalError where error.code == .limitExceeded && shared.tables.memory > limits.derivedMemory / 2 {
                shared.tables = initial
                shared.tables.arena.work = 0
                shared.generation += 1
                try recover(&shared.tables)
                generation = shared.generation
                return try body(&shared.tables)
            }
        }
    }

    /// The configuration of the empty text, and the generation for which that and all others hold.
    var start: (configuration: Int32, generation: Int) {
        tables.withLock { ($0.tables.start, $0.generation) }
    }
}
