import HadalArchitecture
import HadalBackend
import HadalCore
import HadalFormats
import HadalGraph
import HadalText
import Synchronization

/// A loaded model: weights packed, graph placed and compiled, memory planned.
///
/// Thread safety: any thread may make sessions; their steps take turns on the device.
public final class Engine: @unchecked Sendable {
    public let options: EngineOptions
    public let model: LoadedModel
    public let plan: ExecutionPlan
    /// nil when the model comes without a tokenizer.
    public let tokenizer: Tokenizer?
    public let chatTemplate: ChatTemplate?
    /// The backend and device in use: "cpu (AVX-512 VNNI, 2 threads)".
    public let backendDescription: String
    /// Most tokens a session may hold.
    public let contextLength: Int
    /// What the model's files recommend, over Hadal's defaults.
    public let recommendedSampling: SamplingOptions
    /// Which settings the model's files name, as in `SamplingOptions.json`.
    public let recommendedSettings: Set<String>

    let program: Program
    let runner: StepRunner
    let predictionHead: PredictionHead?
    /// The hidden states of a step's tokens, `[T, width]` after each run, when a prediction head reads them.
    let predictionSource: (rows: UnsafePointer<Float>, width: Int)?
    /// The model that drafts for this one.
    let draftEngine: Engine?
    let lock = Mutex<Void>(())
    var pool: PagePool
    var trace: TraceSink?
    let endTokens: Set<Int32>
    let supportsBatches: Bool
    private let devices: [any Device]
    private let watcher = Mutex<KernelWatcher?>(nil)
    private let format = Mutex<ChatFormat?>(nil)

    static let pageTokens = 64
    static let defaultContextLimit = 32768

    /// Loads a model from a GGUF file or a Hugging Face directory.
    ///
    /// - Throws: `HadalError` with a place; configuration problems come before tensor problems, and both before any byte is read.
    public convenience init(path: String, options: EngineOptions = EngineOptions()) throws {
        try self.init(try PreparedModel(path: path, options: options))
    }

    init(_ prepared: PreparedModel) throws {
        let (options, description, model) = (prepared.options, prepared.description, prepared.model)
        let chosen = try BackendChoice(options)
        let speculates = options.speculation.source != .off
        guard !speculates || chosen.capabilities.contains(.stableSteps) else {
            throw HadalError(
                .unsupported, "backend \(chosen.names[0]) does not promise that verifying drafts leaves the tokens as they are",
                hint: "run without --speculate")
        }
        if let wanted = options.contextLength, wanted > model.contextLength {
            options.log.write(.warning, "a context of \(wanted) tokens is more than the \(model.contextLength) the model was made for")
        }
        let streamed = try chosen.expertMemory.flatMap { _ in try chosen.streamedExperts(of: model.graph, model.description.graph, log: options.log) }
        let fitted = try Self.fit(prepared.contextLength, model, chosen, streamed, options)
        contextLength = fitted.context
        let batchTokens = min(options.batchTokens, contextLength)
        let sequences = chosen.capabilities.contains(.multiSequence) ? options.batchSequences : 1
        let least = max(sequences, speculates ? SpeculationOptions.mostDraftTokens + 1 : 1)
        let rows = options.observe == .none ? least : max(batchTokens, least)
        let bounds = Segment.Bounds(tokens: max(batchTokens, sequences), sequences: sequences, rows: rows)

        let bare = Segment(
            withoutData: model.graph, scales: try description.scales(of: model.graph), bounds: bounds, stateDType: options.cacheDType,
            pageTokens: Self.pageTokens)
        let plan = try chosen.plan(for: bare, policy: options.fallback)
        if options.fallback == .warn {
            for move in plan.moves {
                options.log.write(.warning, "\(move.label) (\(move.op)) runs on \(move.to), not \(move.from): \(move.reason)")
            }
        }
        try Self.checkMemory(model, device: chosen.devices[0].info, streamed: streamed)
        let weights = try model.bindWeights(of: model.graph, streamed: streamed)
        let segment = Segment(
            graph: model.graph, weights: weights.data, bounds: bounds, stateDType: options.cacheDType, pageTokens: Self.pageTokens)
        let pages = (fitted.cache + Self.pageTokens - 1) / Self.pageTokens + 1
        program = try Program(plan: plan, segment: segment, devices: chosen.devices, pageCount: pages)
        if program.info.keepsWeights { model.keep(weights) } else { model.releaseMappedPages() }
        let pagesPerSession = (contextLength + Self.pageTokens - 1) / Self.pageTokens
        runner = try StepRunner(program: program, ports: model.ports, pageCapacity: pagesPerSession * sequences)
        pool = PagePool(pages: pages)
        let drafts = options.speculation.source == .mtp
        predictionHead =
            options.predictsNext || drafts
            ? try PredictionHead(
                model, on: chosen, options: options, contextLength: contextLength,
                for: .init(evaluates: options.predictsNext, pages: drafts ? pages : 0)) : nil
        predictionSource = try model.predictionSource.map { [program] in
            (UnsafePointer(try program.pointer(to: $0.value, as: Float.self)), $0.width)
        }
        draftEngine = try prepared.draft.map { try Engine($0) }
        devices = chosen.devices
        backendDescription = chosen.summary
        supportsBatches = sequences > 1
        endTokens = prepared.tokenizer?.special.endIDs ?? []
        (recommendedSampling, recommendedSettings) = model.recommendedSampling
        self.options = options
        self.model = model
        self.plan = plan
        tokenizer = prepared.tokenizer
        chatTemplate = prepared.chatTemplate
        if let live = options.liveKernels {
            let made = try KernelWatcher(self, chosen.opened, live, options.environment)
            watcher.withLock { $0 = made }
        }
    }

    deinit {
        watcher.withLock { $0?.stop() }
        for device in devices { device.quiesce() }
    }

    /// How the model reasons and calls tools. Found when first asked for.
    public var chatFormat: ChatFormat {
        format.withLock { known in
            if let known { return known }
            let found = ChatFormat(template: chatTemplate, tokenizer: tokenizer, variables: (try? templateVariables()) ?? JSONObject())
            known = found
            return found
        }
    }

    public var vocabularySize: Int { model.vocabularySize }
    public var cacheDType: DType { options.cacheDType }
    public var batchTokens: Int { program.bounds.tokens }
    public var batchSequences: Int { program.bounds.sequences }
    public var pageTokens: Int { program.pageTokens }
    public var fingerprint: String { model.fingerprint }
    /// Memory of the compiled model.
    public var executableInfo: ExecutableInfo { program.info }

    /// An empty session. Its memory is taken as it fills.
    public func makeSession() -> Session { Session(engine: self, contextLength: contextLength) }

    /// What follows a new session; nil unless the model's own prediction layer drafts.
    func makePredictionState() -> PredictionState? {
        guard options.speculation.source == .mtp, let predictionHead else { return nil }
        return PredictionState(predictionHead, contextLength: contextLength, stepTokens: batchTokens)
    }

    /// Quantised weights are packed into memory of the backend's own; what is larger than all of it need not be tried. Float
    /// weights may stay in the mapped file, where the system pages them.
    private static func checkMemory(_ model: LoadedModel, device: DeviceInfo, streamed: ExpertPlacement?) throws {
        guard let heap = device.heaps.first else { return }
        var packed = 0
        for (index, weight) in model.graph.weights.enumerated() where weight.dtype.isQuantised && streamed?.pieces[index] == nil {
            packed += weight.bytes
        }
        guard packed <= heap.bytesTotal else {
            throw HadalError(
                .outOfMemory, "the quantised weights take \(packed) bytes, \(device.name) has \(heap.bytesTotal)",
                at: Place(model.description.files.path), hint: "hadal plan shows what a model needs")
        }
    }

    /// How many tokens a session and all sessions may hold. Where experts are kept to a limit, so is the rest of what a process limit allows.
    private static func fit(
        _ context: Int, _ model: LoadedModel, _ chosen: BackendChoice, _ streamed: ExpertPlacement?, _ options: EngineOptions
    ) throws -> (context: Int, cache: Int) {
        guard let streamed, let limit = chosen.expertMemory else { return (context, max(options.cacheTokens ?? 2 * context, context)) }
        let experts = ExpertForecast(streamed, model.graph, device: chosen.devices[0])
        try experts.check(limit: limit, path: model.description.files.path)
        let budget = MemoryBudget(
            model.graph, streamed, experts, device: chosen.devices[0], limit: limit,
            cacheBytesPerToken: model.description.graph.stateBytesPerToken(elementBytes: options.cacheDType.blockBytes),
            limits: .current())
        return try budget.tokens(
            context: context, isAsked: options.contextLength != nil, cacheTokens: options.cacheTokens, log: options.log)
    }

    /// What has been read from disk since the model was loaded; nil when all experts are in memory. Not during a step.
    public var expertStatistics: ExpertStatistics? {
        lock.withLock { _ in
            guard var sum = program.expertStatistics else { return predictionHead?.expertStatistics }
            if let head = predictionHead?.expertStatistics { sum += head }
            return sum
        }
    }

    /// Called with the lock held.
    func takePage() throws -> UInt32 {
        guard let page = pool.take() else {
            throw HadalError(
                .contextFull, "the cache of \(program.pageCount * pageTokens) tokens is full", hint: "close sessions, or raise cacheTokens")
        }
        return page
    }

    public func requireTokenizer() throws -> Tokenizer {
        if let tokenizer { return tokenizer }
        throw HadalError(.notFound, "the model has no tokenizer", hint: "logits and generate-ids work on token ids")
    }

    /// Runs `body` while every step reports each node to the returned events.
    public func tracing(_ body: () throws -> Void) throws -> [TraceSink.Event] {
        let sink = TraceSink()
        trace = sink
        defer { trace = nil }
        try body()
        return sink.events
    }
}
