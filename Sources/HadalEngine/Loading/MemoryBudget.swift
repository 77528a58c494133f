import HadalBackend
import HadalCore
import HadalGraph

/// What a model with a limit on its experts takes, held against what the process may have: decides how many tokens fit beside it.
struct MemoryBudget {
    /// Weights that stay in memory.
    let residentBytes: Int
    /// Experts in memory at most.
    let expertBytes: Int
    /// What large weights may be rounded up by, in addresses.
    private let hugePages: Int
    let cacheBytesPerToken: Int
    let limits: MemoryLimits

    /// Fewer tokens than this are not worth starting with.
    private static let leastTokens = 64

    /// - Parameters:
    ///   - device: that which keeps the experts.
    ///   - hosted: weights that lie in the host's memory; nil: all.
    init(
        _ graph: Graph, _ placement: ExpertPlacement, _ experts: ExpertCosts, device: any Device, limit: Int, cacheBytesPerToken: Int,
        limits: MemoryLimits, hosted: Set<Int>? = nil
    ) {
        var resident = 0
        func stays(_ index: Int) -> Bool { placement.pieces[index] == nil && hosted?.contains(index) ?? true }
        for (index, weight) in graph.weights.enumerated() where stays(index) {
            let isMatrix = weight.dims.count > 1 && weight.dtype.isQuantised
            resident += isMatrix ? device.heldBytes(of: weight) ?? weight.bytes : weight.bytes
        }
        residentBytes = resident
        hugePages = graph.weights.indices.reduce(0) {
            stays($1) && graph.weights[$1].bytes >= 1 << 20 ? $0 + (2 << 20) : $0
        }
        expertBytes = min(limit, experts.totalBytes)
        self.cacheBytesPerToken = cacheBytesPerToken
        self.limits = limits
    }

    /// Bytes left for the cache, and what says so; nil without a limit.
    ///
    /// A part of what is allowed is reserved for what cannot be known in advance: activations, threads, tables, the C library's own.
    private var room: (bytes: Int, by: String)? {
        var least: (bytes: Int, by: String)?
        if let group = limits.group { least = (group - group / 16 - residentBytes - expertBytes, "the control group's memory limit") }
        if let addresses = limits.addresses {
            // While weights are packed, those that stay are there twice; experts come only after that. Large ones take whole huge pages.
            let left = addresses - addresses / 8 - residentBytes - hugePages - max(residentBytes, expertBytes)
            if left < least?.bytes ?? Int.max { least = (left, "the limit on address space (ulimit -v)") }
        }
        return least
    }

    /// What all sessions together may hold where nothing limits it: as asked for, or else twice the context.
    static func cacheTokens(_ asked: Int?, context: Int) -> Int {
        let (twice, overflow) = context.multipliedReportingOverflow(by: 2)
        return max(asked ?? (overflow ? .max : twice), context)
    }

    /// The context and the tokens that all sessions together may hold.
    ///
    /// - Parameters:
    ///   - context: what was asked for, or else what is usual, which may be less in the end.
    ///   - isAsked: whether it was asked for.
    /// - Throws: `outOfMemory`, saying what takes how much.
    func tokens(context: Int, isAsked: Bool, cacheTokens: Int?, log: LogSink) throws -> (context: Int, cache: Int) {
        guard let room else { return (context, Self.cacheTokens(cacheTokens, context: context)) }
        // Nobody asked for so much: leave half of it free.
        let bytes = isAsked ? room.bytes : room.bytes / 2
        let fitting = bytes > 0 ? bytes / max(cacheBytesPerToken, 1) / Engine.pageTokens * Engine.pageTokens : 0
        let wanted = max(isAsked ? context : min(context, Self.leastTokens), cacheTokens ?? 0)
        guard fitting >= wanted else {
            throw HadalError(
                .outOfMemory,
                "\(residentBytes) bytes of weights that stay in memory, \(expertBytes) of experts and \(cacheBytesPerToken) for each of "
                    + "\(wanted) tokens are more than \(room.by) leaves (\(max(room.bytes + residentBytes + expertBytes, 0)) bytes)",
                hint: fitting >= Self.leastTokens
                    ? [.lower(.contextLength, to: .tokens(fitting))] : [.lower(.expertMemory), .action(.showPlan)])
        }
        let chosen = min(context, fitting)
        if chosen < context {
            log.write(.warning, "the context is \(chosen) tokens, not \(context): more do not fit \(room.by) beside the experts")
        }
        return (chosen, max(cacheTokens ?? min(2 * chosen, fitting), chosen))
    }
}
