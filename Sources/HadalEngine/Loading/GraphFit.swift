import HadalArchitecture
import HadalBackend
import HadalCore
import HadalFormats
import HadalGraph

/// A main graph on its devices, with the bounds, the context and the cache that go with each other.
struct GraphFit: Sendable {
    let placed: PlacedGraph
    let bounds: Segment.Bounds
    /// Of all nodes of experts, or with a limit of those whose device keeps to it.
    let experts: ExpertPlacement
    /// Those that the backend reads from the model's files itself; nil when there are none.
    let streamed: ExpertPlacement?
    /// nil for a model without experts.
    let expertCosts: ExpertCosts?
    /// One for each device of the plan.
    private(set) var memory: [DeviceMemory]
    /// Free memory of the first device's first heap, when it tells.
    let freeBytes: Int?
    /// Weights that stay in memory whatever the limit on experts.
    private(set) var residentBytes: Int
    /// How the weights, the work space and the cache share the host's memory.
    let division: MemoryDivision
    /// Bytes of experts to keep in memory, the others being read from disk, where nobody said how many and all of them do not fit.
    private(set) var expertLimit: Int?
    /// Tokens of a session, and of all sessions.
    private(set) var context: Int
    private(set) var cache: Int
    /// Why it does not fit what there is.
    private(set) var obstacle: HadalError?

    /// Slots of every state of fixed size.
    let slots: SlotCounts

    /// Pages of every state with a row for each token: those of the cache, and one to spare.
    var pages: Int { Self.pages(cache) + 1 }

    static func pages(_ tokens: Int) -> Int { tokens / Engine.pageTokens + (tokens % Engine.pageTokens > 0 ? 1 : 0) }

    /// The upper bounds of a step.
    private static func bounds(
        _ options: EngineOptions, _ model: ModelGraph, context: Int, capabilities: BackendCapabilities
    ) -> Segment.Bounds {
        // A step of several texts may be longer than one.
        let tokens =
            model.needsWholeSequences
            ? max(options.batchTokens, context)
            : model.result == .logits ? min(options.batchTokens, context) : options.batchTokens
        let sequences = capabilities.contains(.multiSequence) ? options.batchSequences : 1
        let least = max(sequences, options.speculation.source != .off ? SpeculationOptions.mostDraftTokens + 1 : 1)
        return Segment.Bounds(
            tokens: max(tokens, sequences), sequences: sequences,
            rows: options.observe == .none || model.result != .logits ? least : max(tokens, least))
    }

    /// What a device can run depends on the step's bounds, and these on what the devices can do and hold: what is asked for is tried first.
    ///
    /// - Parameters:
    ///   - cacheDType: element type of every state.
    ///   - context: what is asked for, or else what is usual.
    ///   - drafting: what drafts for the model.
    /// - Throws: what placing meets. What does not fit is an `obstacle`.
    static func find(
        _ graph: Graph, of description: ModelDescription, on backends: BackendChoice, _ options: EngineOptions, cacheDType: DType,
        context: Int, drafting: DraftCosts
    ) throws -> GraphFit {
        let scales = try description.scales(of: graph)
        let limits = options.memoryLimits ?? .current()
        func fit(_ bounds: Segment.Bounds, _ context: Int) throws -> GraphFit {
            let segment = Segment(
                withoutData: graph, scales: scales, bounds: bounds, stateDType: cacheDType, pageTokens: Engine.pageTokens)
            return try GraphFit(segment, description, backends, options, limits, context: context, drafting)
        }
        let first = Self.bounds(options, description.graph, context: context, capabilities: [.multiSequence])
        var found = try fit(first, context)
        for _ in 0..<2 where found.obstacle == nil && found.expertLimit == nil {
            let wanted = Self.bounds(options, description.graph, context: found.context, capabilities: found.placed.capabilities)
            guard wanted != found.bounds else { break }
            found = try fit(wanted, found.context)
        }
        return found
    }

    private init(
        _ segment: Segment, _ description: ModelDescription, _ backends: BackendChoice, _ options: EngineOptions, _ limits: MemoryLimits,
        context: Int, _ drafting: DraftCosts
    ) throws {
        let graph = segment.graph
        (bounds, self.context) = (segment.bounds, context)
        cache = MemoryDivision.cacheTokens(options.cacheTokens, context: context)
        placed = try backends.place(segment)
        let devices = try backends.devices(of: placed.plan)
        freeBytes = devices.first?.info.heaps.first.map { Int(clamping: $0.bytesFree) }
        let limit = backends.expertMemory
        let budget = MemoryBudget(options.memory, limits)
        let slots = SlotCounts(graph, sequences: segment.bounds.sequences, budget: budget?.bytes)
        self.slots = slots
        experts = try ExpertPlacement(graph, of: description.graph, on: limit == nil ? nil : placed)
        streamed = limit == nil || experts.pieces.isEmpty ? nil : experts
        // Without a limit: what one would do on the device that runs the first of them.
        let holder = zip(graph.nodes, placed.plan.deviceOfNode).first { $0.0.op == Op.experts }?.1 ?? 0
        let device = devices[placed.streamingDevice ?? holder]
        expertCosts = experts.layers.isEmpty ? nil : ExpertCosts(experts, graph, device: device)
        let all = try DeviceMemory.all(placed, devices, segment, streamed: streamed, limit: limit, cacheTokens: context, slots: slots.all)
        memory = all
        let scratch = try StepMemory.bytes(
            segment, placed.plan, on: Set(all.indices.filter { all[$0].isHosted }), threads: Self.threads(placed),
            vocabulary: description.graph.vocabularySize)
        func divide(_ memory: [DeviceMemory], experts: Int) -> MemoryDivision {
            MemoryDivision(
                memory.filter(\.isHosted), graph, budget: budget, addresses: experts > 0 ? limits.addresses : nil, expertBytes: experts,
                scratchBytes: scratch, drafting: drafting)
        }
        division = divide(all, experts: streamed == nil ? 0 : min(limit ?? 0, expertCosts?.totalBytes ?? 0))
        residentBytes = streamed == nil ? description.graph.weightBytes : division.weightBytes
        let isAsked = options.contextLength != nil
        do {
            if limit == nil, backends.canLimitExperts, placed.streamingDevice != nil {
                // As if all those that can be were read from disk.
                let movable = try ExpertPlacement(graph, of: description.graph, on: placed)
                let rest = try DeviceMemory.all(
                    placed, devices, segment, streamed: movable, limit: 0, cacheTokens: context, slots: slots.all)
                expertLimit = divide(rest, experts: 0).expertLimit(
                    ExpertCosts(movable, graph, device: device), context: context, isAsked: isAsked, cacheTokens: options.cacheTokens)
                if expertLimit != nil { return }
            }
            if let limit, let expertCosts, streamed != nil { try expertCosts.check(limit: limit, path: description.files.path) }
            let hosted = memory.filter { !$0.ownsMemory }
            try Self.check(hosted, path: description.files.path)
            (self.context, cache) = try division.tokens(
                context: context, isAsked: isAsked, cacheTokens: options.cacheTokens,
                takesAll: options.memory != nil && hosted.count == memory.count, limits: limits, log: options.log)
            for device in memory {
                (self.context, self.cache) = try device.fit(
                    context: self.context, cache: self.cache, isAsked: isAsked, cacheTokens: options.cacheTokens, budget: options.memory,
                    log: options.log)
            }
            try Program.checkHostMemory(for: segment, plan: placed.plan, pageCount: pages, slotCount: slots.all)
        } catch let error as HadalError { obstacle = error }
        let (reserved, overflow) = pages.multipliedReportingOverflow(by: Engine.pageTokens)
        for index in memory.indices { memory[index].cacheTokens = !memory[index].ownsMemory ? self.context : overflow ? .max : reserved }
    }

    /// Threads of the backend that was given the most, where one was given any; else as many as the process may use.
    private static func threads(_ placed: PlacedGraph) -> Int {
        let given = placed.opened.compactMap { backend -> Int? in
            guard case .int(let threads)? = backend.options[WellKnownOption.threads.name], threads > 0 else { return nil }
            return Int(clamping: threads)
        }
        return given.max() ?? max(Processors.usable, Processors.usableHyperthreads)
    }

    /// Quantised weights are packed into memory of the backend's own; what is larger than all of it need not be tried. Float weights may stay
    /// in the mapped file, where the system pages them.
    private static func check(_ hosted: [DeviceMemory], path: String) throws {
        let packed = hosted.reduce(0) { $0 + $1.quantisedBytes }
        guard let first = hosted.first, let total = first.totalBytes, packed > total else { return }
        throw HadalError(
            .outOfMemory, "the quantised weights take \(packed) bytes, \(first.name) has \(total)", at: SourcePlace(path),
            hint: [.action(.showPlan)])
    }
}
