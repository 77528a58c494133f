import HadalArchitecture
import HadalBackend
import HadalCore
import HadalFormats
import HadalGraph
import HadalTemplate
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
    public let chatTemplates: ChatTemplates
    /// The backend and device in use: "cpu (AVX-512 VNNI, 2 threads)".
    public let backendDescription: String
    /// Most tokens a session may hold.
    public let contextLength: Int
    /// What the model's files recommend for generating.
    public let recommendation: GenerationRecommendation

    package let program: Program
    let runner: StepRunner
    let predictionHead: PredictionHead?
    /// The hidden states of a step's tokens, `[T, width]` after each run, when a prediction head reads them.
    let predictionSource: (rows: UnsafePointer<Float>, width: Int)?
    /// The model that drafts for this one.
    let draftEngine: Engine?
    let lock = Mutex<Void>(())
    var pool: PagePool
    var trace: TraceSink?
    /// Owners of the folders of kernels that were replaced. With the lock held.
    var kernelOwners: [AnyObject] = []
    let endTokens: Set<Int32>
    let supportsBatches: Bool
    private let tokenizerProblem: HadalError?
    private let backends: BackendChoice
    /// The backends that the model is placed on, as they were opened.
    package let openedBackends: [OpenedBackend]
    private let formats = Mutex<[ExactString: ChatFormat]>([:])

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
        let chosen = try BackendChoice(options, for: prepared.graphs, isDraft: prepared.isDraft)
        if let wanted = options.contextLength, wanted > model.contextLength {
            let beyond = prepared.description.graph.dynamicRope.map { "; \($0) is dynamic, and beyond that length Hadal does not stretch the frequencies" }
            options.log.write(.warning, "a context of \(wanted) tokens is more than the \(model.contextLength) the model was made for\(beyond ?? "")")
        }
        let scales = try description.scales(of: model.graph)
        func bare(_ bounds: Segment.Bounds) -> Segment {
            Segment(withoutData: model.graph, scales: scales, bounds: bounds, stateDType: options.cacheDType, pageTokens: Self.pageTokens)
        }
        // Where a device stands in depends on the step's bounds, and these on what the devices can do and hold: what is asked for is tried first.
        var bounds = Self.bounds(options, context: prepared.contextLength, capabilities: [.multiSequence])
        var placed = try chosen.place(bare(bounds))
        let streamed = try chosen.streamedExperts(of: model.graph, model.description.graph, placed, log: options.log)
        let fitted = try Self.fit(prepared.contextLength, model, chosen, placed, bare(bounds), streamed, options)
        for _ in 0..<2 {
            let wanted = Self.bounds(options, context: fitted.context, capabilities: placed.capabilities)
            guard wanted != bounds else { break }
            bounds = wanted
            placed = try chosen.place(bare(bounds))
        }
        contextLength = fitted.context
        let sequences = bounds.sequences
        let plan = placed.plan
        if options.speculation.source != .off, let index = placed.capabilitiesOfDevice.firstIndex(where: { !$0.contains(.stableSteps) }) {
            throw HadalError(
                .unsupported, "backend \(plan.devices[index]) does not promise that verifying drafts leaves the tokens as they are",
                hint: [.remove(.speculation)])
        }
        if options.fallback == .warn { for move in plan.moveSummary { options.log.write(.warning, move) } }
        let weights = try model.bindWeights(of: model.graph, streamed: streamed)
        let segment = Segment(
            graph: model.graph, weights: weights.data, bounds: bounds, stateDType: options.cacheDType, pageTokens: Self.pageTokens)
        let pages = (fitted.cache + Self.pageTokens - 1) / Self.pageTokens + 1
        program = try Program(plan: plan, segment: segment, devices: placed.devices, pageCount: pages)
        if program.info.keepsWeights { try model.keep(weights, program.keptWeights, of: model.graph) } else { model.releaseMappedPages() }
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
        backends = chosen
        openedBackends = placed.opened
        backendDescription = placed.summary
        supportsBatches = sequences > 1
        endTokens = prepared.tokenizer?.special.endIDs ?? []
        recommendation = GenerationRecommendation(prepared.files, endTokens: endTokens)
        self.options = options
        self.model = model
        self.plan = plan
        tokenizer = prepared.tokenizer
        tokenizerProblem = prepared.tokenizerProblem
        chatTemplates = prepared.chatTemplates
    }

    deinit { backends.quiesce() }

    /// Of the devices that the options name, the first that the model has nodes on.
    package var firstDevice: (any Device)? { backends.firstOpened }

    /// The template of conversations without tools; nil when the model has none.
    public var chatTemplate: ChatTemplate? { try? chatTemplates.choose(withTools: false) }

    /// How the model reasons and calls tools, by its template for conversations without them. Found when first asked for.
    public var chatFormat: ChatFormat { chatFormat(of: chatTemplate) }

    /// How the model reasons and calls tools by one of its templates.
    func chatFormat(of template: ChatTemplate?) -> ChatFormat {
        formats.withLock { known in
            let key = ExactString(template?.source ?? "")
            if let found = known[key] { return found }
            let found = ChatFormat(template: template, tokenizer: tokenizer, variables: (try? templateVariables()) ?? JSONObject())
            known[key] = found
            return found
        }
    }

    /// What the model's files recommend, over Hadal's defaults.
    public var recommendedSampling: SamplingOptions { recommendation.options.sampling }
    /// Which settings the model's files name, as in `GenerationRecommendation.named`.
    public var recommendedSettings: Set<String> { recommendation.named }

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
                .contextFull, "the cache of \(program.pageCount * pageTokens) tokens is full", hint: ["close sessions", .raise(.cacheTokens)])
        }
        return page
    }

    public func requireTokenizer() throws -> Tokenizer {
        if let tokenizer { return tokenizer }
        if let tokenizerProblem { throw tokenizerProblem }
        throw HadalError(.notFound, "the model has no tokenizer", hint: [.action(.useTokenIDs)])
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
