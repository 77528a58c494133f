public import HadalBackend
public import HadalCore

/// How a model is loaded.
public struct EngineOptions: Sendable {
    /// Backend name, or `name:device` with a device's index or name.
    public var backend: String
    /// Which backend runs which ops; nil, and where no rule applies: `backend`.
    public var placement: PlacementRules?
    /// What to do with an op that the backend it is placed on cannot run.
    public var fallback: FallbackPolicy
    /// `backend.option` to value, as `--set` gives them.
    public var settings: [String: String]
    /// Threads of every backend in use that has the setting `threads`; nil: its default.
    public var threads: Int?
    /// Where plugins, architectures and kernels are looked for.
    public var environment: SearchPaths
    /// An architecture file that overrides detection.
    public var architecture: String?
    /// Most tokens a session may hold; nil: the model's own limit, at most 32768.
    public var contextLength: Int?
    /// Tokens that all sessions together may hold; nil: twice the context.
    public var cacheTokens: Int?
    /// Element type of the cache: F32, F16, BF16 or Q8_0; nil: F16, which results hardly show, but F32 on the reference backend, whose results
    /// are to be exact, and where a backend has no caches of F16 for the model. F32 keeps results within the float32 tolerances. Q8_0 takes
    /// 17 bytes for 16 elements.
    public var cacheDType: DType?
    /// Most tokens processed in one step; longer prompts go in chunks.
    public var batchTokens: Int
    /// Most sequences decoded together.
    public var batchSequences: Int
    /// Values besides the logits that a run must give.
    public var observe: Observation
    /// Whether `evaluate` gives `mtp_logits` too: what a model's own extra layer says of the token after the next.
    public var predictsNext: Bool
    /// Bytes of experts to keep in memory, the others being read from disk as they are needed; nil: all of them. Results do not depend
    /// on it. The same as the setting `expert-memory` of the backend.
    public var expertMemory: Int?
    /// Bytes of the host's memory that the model may take: weights, experts, cache and the work space of steps; 60 MB for the program and its
    /// libraries come on top. A device with memory of its own is held to as much there. nil: nine tenths of what the machine, or its control group,
    /// has free at loading. What `expertMemory`, `contextLength` and `cacheTokens` ask for is taken first, and must fit. Without `expertMemory` a
    /// mixture that does not fit keeps as many experts in memory as do. With a budget the cache may take all that is left of it.
    public var memory: Int?
    /// Where blocks of sessions' state are kept on disk as well, so that they outlive the process: a directory, made if it is not there, for the
    /// user alone. nil: nowhere. It holds what people typed: docs/serving.md says what lies there.
    public var cacheDirectory: String?
    /// Bytes of all blocks in `cacheDirectory`; those used longest ago make room.
    public var cacheLimit: Int
    /// 32 bytes with which blocks in `cacheDirectory` are encrypted and their names hashed; nil: they are not encrypted.
    public var sealingKey: [UInt8]?
    /// Whether and how generations draft tokens ahead.
    public var speculation: SpeculationOptions
    /// Whether a backend may compute several ops in one kernel. Results do not depend on it. false for a model whose kernels are to be replaced
    /// while it runs (`Engine.replaceKernel`): each op then has a kernel of its own. A setting `fusion` of the backend in `settings` comes first.
    public var fusesOps: Bool
    public var log: LogSink
    /// What the process may have; nil: as the system says.
    package var memoryLimits: MemoryLimits?

    /// Whether a model's own prediction layer is loaded beside it.
    var usesPredictionHead: Bool { predictsNext || speculation.source == .mtp }

    public enum Observation: Sendable, Equatable {
        case none
        /// Logits of every token.
        case allLogits
        /// Logits of every token and the hidden state after every layer.
        case hidden
        /// The output of every node of the graph.
        case everything
    }

    public init(
        backend: String = "cpu", placement: PlacementRules? = nil, fallback: FallbackPolicy = .error, settings: [String: String] = [:],
        threads: Int? = nil, environment: SearchPaths = SearchPaths(), architecture: String? = nil, contextLength: Int? = nil,
        cacheTokens: Int? = nil, cacheDType: DType? = nil, batchTokens: Int = 512, batchSequences: Int = 8, observe: Observation = .none,
        predictsNext: Bool = false, expertMemory: Int? = nil, memory: Int? = nil, cacheDirectory: String? = nil,
        cacheLimit: Int = 20 << 30, sealingKey: [UInt8]? = nil,
        speculation: SpeculationOptions = SpeculationOptions(), fusesOps: Bool = true,
        log: LogSink = .silent
    ) {
        self.backend = backend
        self.placement = placement
        self.fallback = fallback
        self.settings = settings
        self.threads = threads
        self.environment = environment
        self.architecture = architecture
        self.contextLength = contextLength
        self.cacheTokens = cacheTokens
        self.cacheDType = cacheDType
        self.batchTokens = batchTokens
        self.batchSequences = batchSequences
        self.observe = observe
        self.predictsNext = predictsNext
        self.expertMemory = expertMemory
        self.memory = memory
        self.cacheDirectory = cacheDirectory
        self.cacheLimit = cacheLimit
        self.sealingKey = sealingKey
        self.speculation = speculation
        self.fusesOps = fusesOps
        self.log = log
    }

    /// The defaults, with backends that are linked into the program; the first of them runs the model.
    public init(backends: [any Backend]) {
        self.init(backend: backends.first?.name ?? "cpu", environment: SearchPaths(backends: backends))
    }
}
