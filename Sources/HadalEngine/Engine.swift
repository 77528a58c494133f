import HadalArchitecture
public import HadalBackend
import HadalCache
import HadalConstraints
public import HadalCore
import HadalFormats
import HadalGraph
package import HadalTemplate
public import HadalText
import Synchronization

/// A loaded model: weights packed, graph placed and compiled, memory planned.
///
/// Thread safety: any thread may make sessions; their steps take turns on the device.
public final class Engine: @unchecked Sendable {
    /// What this engine was made of: its `obstacle` is nil, its figures are those of this engine.
    public let plan: LoadPlan
    package let model: RunGraph
    /// Which device runs which op.
    public let placement: ExecutionPlan
    /// nil when the model comes without a tokenizer.
    public let tokenizer: Tokenizer?
    package let chatTemplates: ChatTemplates
    /// The backend and device in use: "cpu (AVX-512 VNNI, 2 threads)".
    public let backendDescription: String
    /// What the model's files recommend for generating.
    public let recommendation: GenerationRecommendation

    package let weights: ModelWeights
    package let program: Program
    let runner: StepRunner
    let predictionHead: PredictionHead?
    /// The hidden states of a step's tokens, `[T, width]` after each run, when a prediction head reads them.
    let predictionSource: (rows: UnsafePointer<Float>, width: Int)?
    /// The model that drafts for this one.
    let draftEngine: Engine?
    /// Held for a whole step: whoever has it may use `runner` and `program`, and the prediction head and its states.
    let state: Mutex<State>
    /// Blocks on disk; nil without one.
    private(set) var disk: DiskTier?
    /// The tokens of answers, for prompts that hold them.
    let answers = AnswerMemory()
    /// What the model's files say of texts to be embedded.
    let sentences: SentenceSettings
    /// States that cannot be cut at any token; nil: the model has none.
    var snapshotStates: (any SnapshotStates)?
    /// The same, where they are the model's states of fixed size.
    private(set) var fixedStates: FixedStates?
    /// Where asynchronous calls run.
    let thread = EngineThread(name: "hadal-engine")
    /// Where the masks of constrained generations are found while a step runs.
    let maskThread = EngineThread(name: "hadal-masks")
    let endTokens: Set<Int32>
    let supportsBatches: Bool
    /// Whether some product has float weights, whose rows' last bits depend on whether few or many stand beside them in a step.
    let sumsDependOnRows: Bool
    private let tokenizerProblem: HadalError?
    private let backends: BackendChoice
    /// The backends that the model is placed on, as they were opened.
    package var openedBackends: [OpenedBackend] { plan.openedBackends }
    let tokenTexts = Mutex<TokenVocabulary?>(nil)
    private let formats = Mutex<[ExactString: ChatFormat]>([:])

    /// What steps of several sessions share. Sendable, since the sink and the owners are touched by whoever holds the lock alone.
    struct State: @unchecked Sendable {
        var pool: PagePool
        /// Blocks that were computed, each with a page of its own or shared with sessions.
        var blocks: BlockTree
        /// Those of them that the disk tier has yet to get, the oldest first.
        var unsaved: [DiskTier.Unsaved] = []
        /// Told of each node of every step; nil: nobody is.
        var trace: TraceSink?
        /// Owners of the folders of kernels that were replaced.
        var kernelOwners: [AnyObject] = []
    }

    package static let pageTokens = 64

    /// Loads a model from a GGUF file or a Hugging Face directory.
    ///
    /// - Throws: `HadalError` with a place; configuration problems come before tensor problems, and both before any byte is read.
    public convenience init(path: String, options: EngineOptions = EngineOptions()) throws {
        try self.init(LoadPlan(path: path, options: options))
    }

    /// Loads a model as planned. A plan has one engine at a time.
    ///
    /// - Parameter progress: called on this thread after each weight that is read, and after each part of the graph that is compiled. An error that it
    ///   throws ends the loading, which then throws that error and keeps nothing.
    /// - Throws: the plan's `obstacle`, and what reading and compiling the weights meet; `invalidArgument` while another engine has the plan.
    public convenience init(_ plan: LoadPlan, progress: ((LoadProgress) throws -> Void)? = nil) throws {
        try self.init(plan, LoadMeter(totalBytes: try plan.bytesToLoad, progress))
    }

    private convenience init(_ plan: LoadPlan, _ meter: LoadMeter) throws {
        let parts = try plan.compilePlan()
        try parts.backends.take()
        do { try self.init(plan, parts, meter) } catch {
            parts.backends.close()
            throw error
        }
    }

    private init(_ plan: LoadPlan, _ parts: CompilePlan, _ meter: LoadMeter) throws {
        let (options, main, backends) = (plan.options, parts.main, parts.backends)
        if options.fallback == .warn { for move in main.placed.plan.moveSummary { options.log.write(.warning, move) } }
        let weights = ModelWeights(plan.description)
        let program = try main.compile(weights, on: backends, meter: meter)
        if !program.info.keepsWeights { weights.releaseMappedPages() }
        predictionHead = try parts.prediction.map { try PredictionHead($0, weights, sharing: main.graph, on: backends, meter: meter) }
        predictionSource = try parts.run.predictionSource.map {
            (UnsafePointer(try program.pointer(to: $0.value, as: Float.self)), $0.width)
        }
        draftEngine = try parts.draft.map { try Engine($0, meter) }
        let pagesPerSession = GraphFit.pages(plan.contextLength)
        runner = try StepRunner(program: program, ports: parts.run.ports, pageCapacity: pagesPerSession * main.bounds.sequences)
        state = Mutex(State(pool: PagePool(pages: main.pages), blocks: BlockTree(capacity: main.pages)))
        supportsBatches = main.bounds.sequences > 1
        sumsDependOnRows = main.graph.nodes.contains { node in
            node.op != Op.embedding
                && node.inputs.contains { operand in
                    guard case .weight(let index) = operand else { return false }
                    let weight = main.graph.weights[index]
                    return weight.dims.count > 1 && weight.dtype.blockElements == 1
                }
        }
        (self.plan, self.weights, self.program, self.backends) = (plan, weights, program, backends)
        model = parts.run
        placement = main.placed.plan
        backendDescription = main.placed.summary
        tokenizer = parts.text.tokenizer
        tokenizerProblem = parts.text.tokenizerProblem
        chatTemplates = parts.text.chatTemplates
        endTokens = parts.text.tokenizer?.special.endIDs ?? []
        recommendation = GenerationRecommendation(plan.files, endTokens: endTokens)
        sentences = SentenceSettings(plan.description)
        if !program.fixedStates.isEmpty {
            let states = FixedStates(program, snapshotSlots: main.snapshotSlots)
            fixedStates = states
            keepSnapshots(of: states, slots: main.snapshotSlots)
        }
        let description = plan.description
        guard let directory = options.cacheDirectory else { return }
        let described = CachedModel(
            name: description.files.path.split(separator: "/").last.map(String.init) ?? "", architecture: description.graph.architecture,
            cacheType: cacheDType.name)
        disk = try DiskTier(directory, options, program, identity: stateIdentity, model: described)
        disk?.start(for: self)
    }

    deinit {
        saveCache()
        disk?.close()
        backends.close()
    }

    /// Of the devices that the options name, the first that the model has nodes on.
    package var firstDevice: (any Device)? { backends.firstOpened }

    /// Whether the model is known to reason: its chat template, or its vocabulary, has markers for it.
    public var canReason: Bool { chatFormat.reasoning != nil }

    /// Whether `chatPrompt` has a template to render with.
    public var hasChatTemplate: Bool { chatTemplate != nil }

    /// The template of conversations without tools; nil when the model has none.
    package var chatTemplate: ChatTemplate? { try? chatTemplates.choose(withTools: false) }

    /// How the model reasons and calls tools, by its template for conversations without them. Found when first asked for.
    package var chatFormat: ChatFormat { chatFormat(of: chatTemplate) }

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

    public var options: EngineOptions { plan.options }
    /// Most tokens a session may hold.
    public var contextLength: Int { plan.contextLength }
    public var vocabularySize: Int { model.vocabularySize }
    /// Elements of a row of what the graph gives: of the logits, where it gives logits.
    var resultWidth: Int { model.resultWidth }
    /// Element type of the cache.
    public var cacheDType: DType { plan.cacheDType }
    public var batchTokens: Int { program.bounds.tokens }
    public var batchSequences: Int { program.bounds.sequences }
    public var pageTokens: Int { program.pageTokens }
    public var fingerprint: String { weights.fingerprint }
    /// Memory of the compiled model.
    public var executableInfo: ExecutableInfo { program.info }

    /// An empty session. Its memory is taken as it fills.
    ///
    /// - Parameters:
    ///   - salt: sessions with different ones share no blocks of the cache.
    ///   - isKeptOnDisk: whether its blocks may be written to `EngineOptions.cacheDirectory`. false: they never leave memory.
    public func makeSession(salt: String = "", isKeptOnDisk: Bool = true) -> Session {
        Session(engine: self, contextLength: contextLength, cacheUse: CacheUse(salt: salt, isKeptOnDisk: isKeptOnDisk))
    }

    /// What follows a new session; nil unless the model's own prediction layer drafts.
    func makePredictionState() -> PredictionState? {
        guard options.speculation.source == .mtp, let predictionHead else { return nil }
        return PredictionState(predictionHead, contextLength: contextLength, stepTokens: batchTokens)
    }

    /// What has been read from disk since the model was loaded; nil when all experts are in memory. Not during a step.
    public var expertStatistics: ExpertStatistics? {
        state.withLock { _ in
            guard var sum = program.expertStatistics else { return predictionHead?.expertStatistics }
            if let head = predictionHead?.expertStatistics { sum += head }
            return sum
        }
    }

    func takePage(_ state: inout State) throws -> UInt32 {
        guard let page = state.takePage() else {
            throw HadalError(
                .contextFull, "the cache of \(program.pageCount * pageTokens) tokens is full",
                hint: ["close sessions", .raise(.cacheTokens)])
        }
        return page
    }

    func requireTokenizer() throws -> Tokenizer {
        if let tokenizer { return tokenizer }
        if let tokenizerProblem { throw tokenizerProblem }
        throw HadalError(.notFound, "the model has no tokenizer", hint: [.action(.useTokenIDs)])
    }

    /// Runs `body` while every step reports each node to the returned events.
    package func tracing(_ body: () throws -> Void) throws -> [TraceSink.Event] {
        state.withLock { $0.trace = TraceSink() }
        defer { state.withLock { $0.trace = nil } }
        try body()
        return state.withLock { $0.trace?.events ?? [] }
    }
}
