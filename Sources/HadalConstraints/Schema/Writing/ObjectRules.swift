import HadalCore

/// Writes the rules of one object.
///
/// A position in the list of members is two rules: what may come once a separator is written, and what may come without one. So the
/// grammar grows with the number of properties, not with that of their subsets.
struct ObjectRules {
    private typealias Symbol = Grammar.Symbol

    /// What of the object is still to come.
    private struct State: Hashable {
        /// Index of the next listed member.
        var index: Int
        /// Which requirements are not met, as bits.
        var missing: Int
        /// How many members there must be, and may be, from here on.
        var minimum: Int
        var maximum: Int?
    }

    private static let maximumStates = 20_000
    /// With more than these, required members behind the listed ones come in order: their subsets would be too many.
    private static let maximumUnordered = 6
    private static let maximumInlined = 24

    private let writer: SchemaWriter
    private let members: ObjectMembers
    /// How many of the listed members from an index on are required.
    private let requiredFrom: [Int]
    private var other: Symbol?

    init(writer: SchemaWriter, members: ObjectMembers) {
        self.writer = writer
        self.members = members
        var counts = [0]
        for member in members.listed.reversed() { counts.append(counts[counts.count - 1] + (member.isRequired ? 1 : 0)) }
        requiredFrom = counts.reversed()
    }

    mutating func alternatives(minimum: Int, maximum: Int?) throws -> [[Grammar.Symbol]] {
        if !members.others.isEmpty { other = writer.grammar.rule(members.others) }
        let start = simplified(State(index: 0, missing: 1 << members.requirementCount - 1, minimum: minimum, maximum: maximum))
        var result: [[Grammar.Symbol]] = []
        let built = try build(from: start)
        if canEnd(start) { result.append([writer.tokens.emptyObject]) }
        if let first = built[start]?.next { result.append([writer.tokens.openObject] + first) }
        return result
    }

    // MARK: States

    private func canEnd(_ state: State) -> Bool { requiredFrom[state.index] == 0 && state.missing == 0 && state.minimum <= 0 }

    /// Bounds that say nothing are left out, so that states become equal.
    private func simplified(_ state: State) -> State {
        var state = state
        let required = requiredFrom[state.index] + members.leastCount(state.missing)
        if state.minimum <= required { state.minimum = 0 }
        let possible = members.listed.count - state.index + state.missing.nonzeroBitCount
        if let maximum = state.maximum, members.others.isEmpty, possible <= maximum { state.maximum = nil }
        return state
    }

    private func isDead(_ state: State) -> Bool {
        let required = requiredFrom[state.index] + members.leastCount(state.missing)
        if let maximum = state.maximum, max(required, state.minimum) > maximum { return true }
        return members.others.isEmpty && members.listed.count - state.index + state.missing.nonzeroBitCount < state.minimum
    }

    private func afterMember(_ state: State) -> State {
        var next = state
        next.minimum = max(0, state.minimum - 1)
        next.maximum = state.maximum.map { $0 - 1 }
        return next
    }

    /// The members that can come next, each with what follows it; nil in the first place is one of the others.
    private func steps(_ state: State) -> [(member: [Symbol]?, next: State)] {
        var result: [(member: [Symbol]?, next: State)] = []
        func add(_ member: [Symbol]?, _ next: State) {
            let next = simplified(next)
            if !isDead(next) { result.append((member, next)) }
        }
        let after = afterMember(state)
        if state.index < members.listed.count {
            var next = after
            next.index += 1
            add(members.listed[state.index].symbols, next)
            return result
        }
        for member in members.required where member.requirements & ~state.missing == 0 {
            var next = after
            next.missing &= ~member.requirements
            // The lowest requirement comes first where there are too many.
            if members.requirementCount > ObjectRules.maximumUnordered, member.requirements & -state.missing & state.missing == 0 {
                continue
            }
            add(member.symbols, next)
        }
        if !members.others.isEmpty { add(nil, after) }
        return result
    }

    /// The state that leaves an optional listed member out.
    private func skipping(_ state: State) -> State? {
        guard state.index < members.listed.count, !members.listed[state.index].isRequired else { return nil }
        var next = state
        next.index += 1
        next = simplified(next)
        return isDead(next) ? nil : next
    }

    // MARK: Rules

    /// What may come at a state: `next` where a member must, `tail` where a separator or the end must.
    private struct Built {
        var next: [Symbol]?
        var tail: [Symbol]?
    }

    private mutating func build(from start: State) throws -> [State: Built] {
        if isDead(start) { return [:] }
        // Every state leads to later ones, or to one with the same members left and the same or lower counts.
        var order: [State] = []
        var known: Set<State> = [start]
        var pending = [start]
        var next = 0
        while next < pending.count {
            let state = pending[next]
            next += 1
            order.append(state)
            if isRepetition(state) { continue }
            for successor in steps(state).map(\.next) + [skipping(state)].compactMap({ $0 }) where known.insert(successor).inserted {
                pending.append(successor)
            }
            guard known.count <= ObjectRules.maximumStates else {
                throw writer.compiler.source.error(
                    .limitExceeded, "an object has too many ways to count its properties", at: SchemaSource.root)
            }
        }
        order.sort(by: ObjectRules.isLater)
        var built: [State: Built] = [:]
        for state in order { built[state] = try rules(state, built) }
        return built
    }

    private static func isLater(_ a: State, _ b: State) -> Bool {
        if a.index != b.index { return a.index > b.index }
        if a.missing.nonzeroBitCount != b.missing.nonzeroBitCount { return a.missing.nonzeroBitCount < b.missing.nonzeroBitCount }
        if a.minimum != b.minimum { return a.minimum < b.minimum }
        return a.maximum ?? .max < b.maximum ?? .max
    }

    /// Whether nothing but the others is left.
    private func isRepetition(_ state: State) -> Bool { state.index == members.listed.count && state.missing == 0 }

    private func rules(_ state: State, _ built: [State: Built]) throws -> Built {
        let end = canEnd(state) ? [[writer.tokens.closeObject]] : []
        if isRepetition(state) {
            guard let other else { return Built(next: nil, tail: end.first) }
            var result = Built()
            func repeated(_ minimum: Int, _ maximum: Int?) throws -> [Symbol] {
                try writer.symbols(
                    Repetition(
                        item: [writer.tokens.separator, other], minimum: minimum, maximum: maximum, end: [writer.tokens.closeObject]))
            }
            result.tail = try repeated(state.minimum, state.maximum)
            if state.maximum != 0 { result.next = [other] + (try repeated(max(0, state.minimum - 1), state.maximum.map { $0 - 1 })) }
            return result
        }
        // One of the others can lead back to the same state.
        let loops = steps(state).contains { $0.member == nil && $0.next == state }
        let loop = loops ? writer.grammar.declareRule() : nil
        let loopTail = loops ? writer.grammar.declareRule() : nil
        var alternatives: [[Symbol]] = []
        for (member, next) in steps(state) {
            guard let tail = next == state ? loopTail.map({ [$0] }) : built[next]?.tail else { continue }
            if let member = member ?? other.map({ [$0] }) { alternatives.append(member + tail) }
        }
        if let skipped = skipping(state), let next = built[skipped]?.next { alternatives.append(next) }
        var result = Built()
        if !alternatives.isEmpty {
            result.next = defined(alternatives, as: loop)
        }
        var tails = end
        if let next = result.next { tails.append([writer.tokens.separator] + next) }
        if !tails.isEmpty { result.tail = defined(tails, as: loopTail) }
        try writer.check()
        return result
    }

    private func defined(_ alternatives: [[Symbol]], as rule: Symbol?) -> [Symbol] {
        if let rule {
            writer.grammar.define(rule, alternatives)
            return [rule]
        }
        if alternatives.count == 1, alternatives[0].count <= ObjectRules.maximumInlined { return alternatives[0] }
        return [writer.grammar.rule(alternatives)]
    }
}
