import HadalBackend
import HadalCore
import HadalGraph

/// What a model's parts take of the host's memory, and so how many tokens of cache and how many experts fit beside them.
struct MemoryDivision: Sendable {
    let budget: MemoryBudget?
    /// What the process may map beyond what it has; nil: as much as it likes. Held to only for a model with experts on disk, whose user means to
    /// keep to it.
    let addresses: Int?
    /// Weights that stay in memory, as they are held there.
    let weightBytes: Int
    /// Of these, those that are used where the file is mapped, which the system may drop and read again.
    let mappedBytes: Int
    /// What large weights may be rounded up by, in addresses.
    let hugePageBytes: Int
    /// Experts in memory at most, where some are read from disk.
    let expertBytes: Int
    /// Values of a step, results, sessions, tables of the vocabulary.
    let scratchBytes: Int
    /// A prediction layer and a model that drafts, their caches apart.
    let draftBytes: Int
    /// States of fixed size, of all sequences and snapshots.
    let stateBytes: Int
    let cacheBytesPerToken: Int
    /// What a draft model's cache takes for each token of a session.
    let draftBytesPerToken: Int

    /// Fewer tokens than this are not worth starting with.
    private static let leastTokens = Engine.pageTokens
    /// As many tokens are worth more than having all experts in memory.
    private static let usefulTokens = 4096
    /// Of what is left beside the weights that stay, what the cache gets where experts are read from disk and no context is asked for.
    private static let cacheShare = 4

    private var fixedBytes: Int { weightBytes + expertBytes + scratchBytes + draftBytes + stateBytes }

    /// What all sessions together may hold where nothing limits it: as asked for, or else twice the context.
    static func cacheTokens(_ asked: Int?, context: Int) -> Int {
        let (twice, overflow) = context.multipliedReportingOverflow(by: 2)
        return max(asked ?? (overflow ? .max : twice), context)
    }

    // MARK: cache

    /// Bytes of a cache for `tokens` tokens, rounded up to whole pages, and of one spare page.
    private func cacheBytes(_ tokens: Int) -> Int {
        let (bytes, overflow) = ((cacheBytesPerToken + draftBytesPerToken) * Engine.pageTokens).multipliedReportingOverflow(
            by: GraphFit.pages(tokens) + 1)
        return overflow ? .max : bytes
    }

    /// Capacity in tokens of a cache of at most `bytes` bytes, its spare page included.
    private func tokens(in bytes: Int, perToken: Int) -> Int {
        guard bytes > 0 else { return 0 }
        let pages = bytes / max(perToken, 1) / Engine.pageTokens
        return max(0, pages - 1) * Engine.pageTokens
    }

    /// Bytes left for the cache under the tightest limit.
    private struct Room {
        var bytes: Int
        /// The limit: how an error names it, its bytes, and whether it is the budget.
        var limit: String
        var total: Int
        var isBudget: Bool
    }

    /// nil without a limit.
    private func room(needing least: Int, _ log: LogSink) -> Room? {
        var room: Room?
        if let budget {
            var left = budget.bytes - fixedBytes
            // Nobody named a budget: what the system pages by itself may be larger than its memory.
            if budget.source != .named, left < least, left + mappedBytes >= least, mappedBytes > 0 {
                log.write(
                    .warning,
                    "\(ByteCount(bytes: mappedBytes).rounded) of weights that are not quantised do not fit \(budget.text): the system will read them from disk again and again"
                )
                left += mappedBytes
            }
            room = Room(bytes: left, limit: budget.text, total: budget.bytes, isBudget: true)
        }
        if let addresses {
            // While weights are packed, those that stay are there twice; experts come only after that. Large ones take whole huge pages.
            let left = addresses - addresses / 8 - weightBytes - hugePageBytes - max(weightBytes, expertBytes)
            if left < room?.bytes ?? Int.max {
                room = Room(bytes: left, limit: "the limit on address space (ulimit -v)", total: addresses, isBudget: false)
            }
        }
        return room
    }

    /// The context and the tokens that all sessions together may hold.
    ///
    /// - Parameters:
    ///   - context: what was asked for, or else what is usual, which may be less in the end.
    ///   - isAsked: whether it was asked for.
    ///   - takesAll: whether the cache may have all that is left, where nobody said how many tokens it is to hold.
    /// - Throws: `outOfMemory`, saying what takes how much, and what would fit.
    func tokens(
        context: Int, isAsked: Bool, cacheTokens: Int?, takesAll: Bool, limits: MemoryLimits, log: LogSink
    ) throws -> (context: Int, cache: Int) {
        let wanted = max(isAsked ? context : min(context, Self.leastTokens), cacheTokens ?? 0)
        guard let room = room(needing: cacheBytes(wanted), log) else {
            return (context, Self.cacheTokens(cacheTokens, context: context))
        }
        let fitting = tokens(in: room.bytes, perToken: cacheBytesPerToken + draftBytesPerToken)
        guard room.bytes >= cacheBytes(wanted) else { throw refusal(wanted, fitting: fitting, room, limits) }
        let chosen = min(context, max(fitting, wanted))
        if chosen < context {
            log.write(.warning, "the context is \(chosen) tokens, not \(context): more do not fit \(room.limit) beside the weights")
        }
        let all = max(tokens(in: room.bytes - chosen * draftBytesPerToken, perToken: cacheBytesPerToken), chosen)
        let usual = Self.cacheTokens(nil, context: chosen)
        return (chosen, max(cacheTokens ?? (takesAll ? min(all, LoadPlan.mostCacheTokens) : min(usual, all)), chosen))
    }

    private func refusal(_ tokens: Int, fitting: Int, _ room: Room, _ limits: MemoryLimits) -> HadalError {
        let parts = [
            (weightBytes, "weights\(expertBytes > 0 ? " that stay in memory" : "")"), (expertBytes, "experts"), (scratchBytes, "scratch"),
            (draftBytes, "drafting"), (stateBytes, "recurrent states"), (cacheBytes(tokens), "cache for \(tokens) tokens"),
        ].filter { $0.0 > 0 }.map { "\(ByteCount(bytes: $0.0).rounded) of \($0.1)" }
        var hint: [HadalError.Hint.Step] = []
        if fitting >= Self.leastTokens, fitting < tokens { hint.append(.lower(.contextLength, to: .tokens(fitting))) }
        if room.isBudget {
            let (needed, overflow) = fixedBytes.addingReportingOverflow(cacheBytes(tokens))
            let most = min(limits.machine ?? .max, limits.group ?? .max)
            if !overflow, needed <= most { hint.append(.raise(.memory, to: .bytes(((needed + (1 << 20) - 1) >> 20) << 20))) }
        }
        if expertBytes > 0 { hint.append(.lower(.expertMemory)) }
        hint.append(.action(.showPlan))
        return HadalError(
            .outOfMemory, "\(parts.joined(separator: ", ")): more than \(room.limit) (\(ByteCount(bytes: room.total).rounded))",
            hint: HadalError.Hint(hint))
    }

    // MARK: experts

    /// Bytes of experts to keep in memory; nil: all of them fit, or nothing limits them.
    ///
    /// - Parameters:
    ///   - costs: of the experts that may be read from disk, which `weightBytes` leaves out.
    ///   - context: what was asked for, or else what is usual.
    func expertLimit(_ costs: ExpertCosts, context: Int, isAsked: Bool, cacheTokens: Int?) -> Int? {
        guard let budget, costs.totalBytes > 0 else { return nil }
        let room = budget.bytes - fixedBytes
        let wanted = max(isAsked ? context : min(context, Self.usefulTokens), cacheTokens ?? 0)
        guard room - costs.totalBytes < cacheBytes(wanted) else { return nil }
        let named = max(isAsked ? context : 0, cacheTokens ?? 0)
        let share =
            named > 0
            ? cacheBytes(named) : min(cacheBytes(context), max(room / Self.cacheShare, cacheBytes(Self.leastTokens)))
        return max(costs.minimumLimit, room - min(share, budget.bytes))
    }
}

extension MemoryDivision {
    /// - Parameters:
    ///   - hosted: the devices that hold what is theirs in the host's memory.
    ///   - addresses: nil where they are not to be held to.
    init(
        _ hosted: [DeviceMemory], _ graph: Graph, budget: MemoryBudget?, addresses: Int?, expertBytes: Int, scratchBytes: Int,
        drafting: DraftCosts
    ) {
        (self.budget, self.addresses, self.expertBytes) = (budget, addresses, expertBytes)
        weightBytes = hosted.reduce(0) { $0 + $1.weightBytes }
        mappedBytes = hosted.reduce(0) { $0 + $1.mappedBytes }
        let held = hosted.reduce(into: Set<Int>()) { $0.formUnion($1.weights) }
        hugePageBytes = held.reduce(0) { graph.weights[$1].bytes >= 1 << 20 ? $0 + (2 << 20) : $0 }
        self.scratchBytes = scratchBytes + hosted.reduce(0) { $0 + $1.exchangeBytes }
        draftBytes = drafting.bytes
        stateBytes = hosted.reduce(0) { $0 + $1.stateBytes }
        cacheBytesPerToken = hosted.reduce(0) { $0 + $1.cacheBytesPerToken } + drafting.cacheBytesPerToken
        draftBytesPerToken = drafting.contextBytesPerToken
    }
}
