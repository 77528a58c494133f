import HadalBackend
import HadalCore

/// How a model is loaded.
public struct EngineOptions: Sendable {
    /// Backend name, or `name:device` with a device's index or name.
    public var backend = "cpu"
    /// Which backend runs which ops; nil, and where no rule applies: `backend`.
    public var placement: PlacementRules?
    /// What to do with an op that the backend it is placed on cannot run.
    public var fallback = FallbackPolicy.error
    /// `backend.option` to value, as `--set` gives them.
    public var settings: [String: String] = [:]
    /// Threads of every backend in use that has the setting `threads`; nil: its default.
    public var threads: Int?
    /// Where plugins, architectures and kernels are looked for.
    public var environment = EngineEnvironment()
    /// An architecture file that overrides detection.
    public var architecture: String?
    /// Most tokens a session may hold; nil: the model's own limit, at most 32768.
    public var contextLength: Int?
    /// Tokens that all sessions together may hold; nil: twice the context.
    public var cacheTokens: Int?
    /// Element type of the cache. F32 keeps results within the float32 tolerances; F16 halves the memory.
    public var cacheDType = DType.f32
    /// Most tokens processed in one step; longer prompts go in chunks.
    public var batchTokens = 512
    /// Most sequences decoded together.
    public var batchSequences = 8
    /// Values besides the logits that a run must give.
    public var observe = Observation.none
    /// Whether `evaluate` gives `mtp_logits` too: what a model's own extra layer says of the token after the next.
    public var predictsNext = false
    /// Bytes of experts to keep in memory, the others being read from disk as they are needed; nil: all of them. Results do not depend
    /// on it. The same as the setting `expert-memory` of the backend.
    public var expertMemory: Int?
    /// Whether and how generations draft tokens ahead.
    public var speculation = SpeculationOptions()
    /// Whether a backend may compute several ops in one kernel. Results do not depend on it. false for a model whose kernels are to be replaced
    /// while it runs (`Engine.replaceKernel`): each op then has a kernel of its own. A setting `fusion` of the backend in `settings` comes first.
    public var fusesOps = true
    public var log = LogSink.silent
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

    public init() {}
}
