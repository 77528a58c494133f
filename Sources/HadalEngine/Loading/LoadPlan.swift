import HadalArchitecture
public import HadalBackend
public import HadalCore
package import HadalFormats
package import HadalGraph

/// How a model would be loaded: its files and graph, where each op runs, the bounds, the context, the cache and the memory, and what stands in the
/// way. `Engine` compiles it and `hadal plan` prints it.
///
/// Reads no weight. An engine takes over the devices that its plan opened, so that a plan has one engine at a time. Immutable; any thread.
public struct LoadPlan: Sendable {
    public let options: EngineOptions
    public let description: ModelDescription
    /// The graph that is run: the model's main graph, with what `options.observe` asks for among its outputs.
    package let graph: Graph
    /// Tokens of a session; what is asked for or usual where there is no placement to tell more.
    public let contextLength: Int
    let text: ModelText?
    private let fit: GraphFit?
    /// How the weights, the work space and the cache share the host's memory; nil without a placement.
    var division: MemoryDivision? { fit?.division }
    private let outcome: Result<CompilePlan, HadalError>

    /// What loading throws with these options before it reads a weight; nil when nothing stands in the way. What only reading and compiling the
    /// weights can tell is not known here: a disk that fails, a kernel that cannot be built.
    public var obstacle: HadalError? { if case .failure(let error) = outcome { error } else { nil } }

    package var files: ModelFiles { description.files }
    /// Where each op runs; nil where `obstacle` keeps that from being found.
    public var placement: ExecutionPlan? { fit?.placed.plan }
    /// The backends and their devices: "cpu: AMD EPYC", several joined by " + ".
    public var backend: String { fit?.placed.summary ?? "" }
    /// How each device was opened.
    var openedBackends: [OpenedBackend] { fit?.placed.opened ?? [] }
    /// The upper bounds of a step.
    package var bounds: Segment.Bounds? { fit?.bounds }
    /// Tokens that all sessions together may hold.
    public var cacheTokens: Int { fit?.cache ?? 0 }
    /// What each device of the placement has to hold for `graph`; a prediction layer and a draft model come on top.
    public var devices: [DeviceMemory] { fit?.memory ?? [] }
    /// What gives sessions more tokens.
    var longerContext: HadalError.Hint.Step {
        let isLowered = options.contextLength == nil && contextLength < description.usualContextLength
        return isLowered && memoryBudget != nil && !devices.contains { $0.ownsMemory } ? .raise(.memory) : .raise(.contextLength)
    }
    /// What keeping only some experts in memory costs; nil for a model without experts.
    public var experts: ExpertCosts? { fit?.expertCosts }
    /// Bytes of experts that are kept in memory; nil: all of them.
    public let expertMemory: Int?
    /// Weights that stay in memory whatever the limit on experts.
    public var residentBytes: Int { fit?.residentBytes ?? weightBytes }
    /// Bytes of weights that are in memory once the model is loaded, of all devices: packed as each device packs them.
    public var heldBytes: Int { devices.reduce(0) { $0 + $1.weightBytes + $1.expertBytes } }
    /// Bytes of all weights as stored, and of a session's cache when it is full.
    public var weightBytes: Int { memory.weights }
    public var cacheBytes: Int { memory.cache }
    public var cacheBytesPerToken: Int { description.graph.stateBytesPerToken(cacheDType) }
    /// Element type of the cache: `EngineOptions.cacheDType`, or what was chosen in its place.
    public let cacheDType: DType
    /// Bytes of the host's memory that the model may take: `EngineOptions.memory`, or what was found in its place; nil where nothing is known that
    /// limits it.
    public var memoryBudget: Int? { division?.budget?.bytes }
    /// Who says so: "named", "machine" or "control group".
    public var memoryBudgetSource: String? { division?.budget?.source.rawValue }
    /// Of the host's memory, at most: values of a step and results, and what drafts, its cache apart.
    public var scratchBytes: Int { division?.scratchBytes ?? 0 }
    public var draftBytes: Int { division?.draftBytes ?? 0 }
    /// States of fixed size of all sequences and snapshots, of all devices.
    public var stateBytes: Int { devices.reduce(0) { $0 + $1.stateBytes } }
    /// Free memory of the first device's first heap, when it tells.
    public var freeBytes: Int? { fit?.freeBytes }

    private var memory: (weights: Int, cache: Int) { description.memory(contextLength: contextLength, cacheDType: cacheDType) }

    /// - Throws: `HadalError` for a model that cannot be described, with its place: then there is nothing to plan. Everything else that loading
    ///   would throw is the plan's `obstacle`.
    public init(path: String, options: EngineOptions = EngineOptions()) throws {
        try self.init(path: path, options: options, contextLimit: .max, isDraft: false)
    }

    /// - Parameters:
    ///   - contextLimit: bounds the context of a model that only drafts: it never needs more than the one it drafts for.
    ///   - isDraft: whether it drafts for another one.
    private init(path: String, options: EngineOptions, contextLimit: Int, isDraft: Bool) throws {
        let description = try ModelDescription(path: path, options: options)
        let options = options.adapted(to: description)
        // The first error is the one that loading throws; what does not depend on it is found out all the same.
        var obstacle: HadalError?
        func attempt<T>(_ step: () throws -> T) throws -> T? {
            do { return try step() } catch let error as HadalError {
                obstacle = obstacle ?? error
                return nil
            }
        }
        self.options = options
        self.description = description
        let asked = min(options.contextLength ?? description.usualContextLength, contextLimit)
        _ = try attempt { try Self.check(options) }
        Self.warn(of: options, description)
        let run = try attempt { try RunGraph(description, options) }
        let text = try attempt { try ModelText(of: description.files, log: options.log) }
        let graph = run?.graph ?? description.graph.main
        let head = options.usesPredictionHead ? description.graph.graphs[PredictionPlan.graphName] : nil
        var backends =
            !Self.hasStep(options)
            ? nil
            : try attempt {
                try BackendChoice(options, for: [graph] + (head.map { [$0] } ?? []), isDraft: isDraft)
            }
        let cacheDType =
            try options.cacheDType ?? backends.flatMap { backends in try attempt { try backends.cacheDType(for: graph) } } ?? .f16
        var drafting = DraftCosts()
        if options.usesPredictionHead {
            drafting.add(predictionOf: description, cacheDType: cacheDType, isDrafting: options.speculation.source == .mtp)
        }
        // Its errors come after the model's own.
        let drafts = try Self.draftPath(options).map { path in
            try Self.outcome { try LoadPlan(path: path, options: Self.draftOptions(options), contextLimit: asked, isDraft: true) }
        }
        if case .success(let draft)? = drafts { drafting.add(draft) }
        func find(_ backends: BackendChoice) throws -> GraphFit? {
            try attempt {
                try GraphFit.find(
                    graph, of: description, on: backends, options, cacheDType: cacheDType, context: asked, drafting: drafting)
            }
        }
        var fit = try backends.flatMap(find)
        if let limit = fit?.expertLimit, let unlimited = backends {
            options.log.write(
                .warning,
                "not all experts fit \(fit?.division.budget?.text ?? "memory"): \(ByteCount(bytes: limit).rounded) of them stay in memory, the others are read from disk"
            )
            unlimited.close()
            var limited = options
            limited.expertMemory = limit
            backends = try attempt { try BackendChoice(limited, for: [graph] + (head.map { [$0] } ?? []), isDraft: isDraft) }
            fit = try backends.flatMap(find)
        }
        obstacle = obstacle ?? fit?.obstacle
        let context = fit?.context ?? asked
        var prediction: PredictionPlan?
        if let fit, let backends {
            if backends.expertMemory != nil { fit.experts.warn(graph, options.log) }
            _ = try attempt { try Self.checkDrafts(fit.placed, options) }
            if options.usesPredictionHead {
                let pages = options.speculation.source == .mtp ? fit.pages : 0
                prediction = try attempt {
                    try PredictionPlan(description, on: backends, options, cacheDType: cacheDType, contextLength: context, pages: pages)
                }
            }
        }
        let draft = try drafts.flatMap { outcome in
            try attempt {
                let draft = try outcome.get()
                if let obstacle = draft.obstacle { throw obstacle }
                try DraftVocabulary.check(
                    (text?.tokenizer, description.graph.vocabularySize, description.files.path),
                    draft: (draft.text?.tokenizer, draft.description.graph.vocabularySize, draft.files.path))
                return draft
            }
        }
        if obstacle == nil, let run, let text, let backends, let fit {
            let main = GraphPlan(
                graph: graph, placed: fit.placed, bounds: fit.bounds, streamed: fit.streamed, stateDType: cacheDType,
                pages: fit.pages, slots: fit.slots.all, snapshotSlots: fit.slots.snapshots)
            outcome = .success(CompilePlan(run: run, text: text, backends: backends, main: main, prediction: prediction, draft: draft))
        } else {
            outcome = .failure(obstacle ?? Self.unplaced)
        }
        contextLength = context
        self.cacheDType = cacheDType
        expertMemory = backends?.expertMemory
        (self.graph, self.text, self.fit) = (graph, text, fit)
    }

    /// What an engine compiles.
    ///
    /// - Throws: `obstacle`.
    func compilePlan() throws -> CompilePlan { try outcome.get() }

    /// Bytes of the weights that an engine reads, as stored, a draft model's included.
    ///
    /// - Throws: `obstacle`.
    var bytesToLoad: Int {
        get throws {
            let parts = try compilePlan()
            return try parts.main.weightBytes + (parts.prediction?.graph.weightBytes ?? 0) + (parts.draft?.bytesToLoad ?? 0)
        }
    }

    /// - Throws: `obstacle`, where it keeps a placement from being found.
    public func requirePlacement() throws -> ExecutionPlan {
        if let placement { return placement }
        throw obstacle ?? Self.unplaced
    }

    private static let unplaced = HadalError(.unsupported, "the model cannot be placed")

    /// Bytes a second that experts are read with from where they lie, measured now, in a fraction of a second; nil where that cannot be told.
    public func measureExpertReads() -> Double? {
        fit.flatMap { ExpertCosts.readRate($0.experts, files) }
    }

    // MARK: options

    /// Positions have 32 bits.
    private static let mostTokens = Int(Int32.max)
    static let mostCacheTokens = 2 * mostTokens
    private static let stepSizes = 1...(1 << 16)

    private static func check(_ options: EngineOptions) throws {
        if let dtype = options.cacheDType, !DType.stateTypes.contains(dtype) {
            let known = DType.stateTypes.map(\.name).joined(separator: ", ")
            throw HadalError(.invalidArgument, "a cache of type \(dtype.name): it must be one of \(known)", hint: [.set(.cacheType)])
        }
        let sizes = [
            ("a context", options.contextLength ?? 1, "tokens", mostTokens),
            ("a cache", options.cacheTokens ?? 1, "tokens", mostCacheTokens),
            ("a step", options.batchTokens, "tokens", stepSizes.upperBound),
            ("a step", options.batchSequences, "sequences", stepSizes.upperBound),
        ]
        for (name, value, unit, most) in sizes {
            guard value > 0 else { throw HadalError(.invalidArgument, "\(name) of \(value) \(unit)") }
            guard value <= most else {
                throw HadalError(.limitExceeded, "\(name) of \(value) \(unit) is more than the \(most) that are possible")
            }
        }
    }

    /// Whether devices can be asked what they do in such a step.
    private static func hasStep(_ options: EngineOptions) -> Bool {
        stepSizes.contains(options.batchTokens) && stepSizes.contains(options.batchSequences) && options.contextLength ?? 1 > 0
    }

    private static func warn(of options: EngineOptions, _ description: ModelDescription) {
        let graph = description.graph
        guard let asked = options.contextLength, asked > graph.contextLength else { return }
        let beyond = graph.dynamicRope.map { "; \($0) is dynamic, and beyond that length Hadal does not stretch the frequencies" }
        options.log.write(
            .warning, "a context of \(asked) tokens is more than the \(graph.contextLength) the model was made for\(beyond ?? "")")
    }

    private static func checkDrafts(_ placed: PlacedGraph, _ options: EngineOptions) throws {
        guard options.speculation.source != .off, let index = placed.capabilitiesOfDevice.firstIndex(where: { !$0.contains(.stableSteps) })
        else {
            return
        }
        throw HadalError(
            .unsupported, "backend \(placed.plan.devices[index]) does not promise that verifying drafts leaves the tokens as they are",
            hint: [.remove(.speculation)])
    }

    private static func draftPath(_ options: EngineOptions) -> String? {
        if case .draft(let path) = options.speculation.source { path } else { nil }
    }

    private static func outcome<T>(_ body: () throws -> T) throws -> Result<T, HadalError> {
        do { return .success(try body()) } catch let error as HadalError { return .failure(error) }
    }

    /// The same backend and settings; a context and an architecture of its own, and no budget: what it takes is counted in that of the model.
    private static func draftOptions(_ options: EngineOptions) -> EngineOptions {
        var draft = options
        draft.speculation = SpeculationOptions()
        draft.observe = .none
        draft.predictsNext = false
        draft.architecture = nil
        draft.placement?.architecture = nil
        draft.contextLength = nil
        draft.batchSequences = 1
        draft.memory = nil
        draft.memoryLimits = MemoryLimits()
        return draft
    }
}

extension EngineOptions {
    /// The options for a model that gives something else than logits: caches that keep every bit, steps of many texts, and no room for what nobody
    /// comes back to.
    fileprivate func adapted(to description: ModelDescription) -> EngineOptions {
        guard description.graph.result != .logits else { return self }
        var options = self
        options.cacheDType = cacheDType ?? .f32
        options.batchSequences = max(batchSequences, 32)
        if cacheTokens == nil {
            let step = max(batchTokens, contextLength ?? description.usualContextLength)
            options.cacheTokens = step + options.batchSequences * Engine.pageTokens
        }
        return options
    }
}
