extension HadalError {
    /// What to do about an error: steps that a program renders in its own words.
    ///
    /// A library knows settings, not how a program lets its users change them: the command line renders `.raise(.contextLength)` as a flag,
    /// an application as the name of a field in its preferences. `description` is plain English without flags.
    public struct Hint: Sendable, Equatable, ExpressibleByArrayLiteral {
        /// In the order in which they help; each stands for itself.
        public var steps: [Step]

        public init(_ steps: [Step]) { self.steps = steps }

        public init(arrayLiteral steps: Step...) { self.steps = steps }

        /// A hint that is a sentence and no more, or nil for nil.
        public init?(_ text: String?) {
            guard let text else { return nil }
            steps = [.text(text)]
        }
    }
}

extension HadalError.Hint {
    public enum Step: Sendable, Equatable, ExpressibleByStringInterpolation {
        case change(Setting, Direction, Figure?)
        case action(Action)
        /// English for a person, which names no setting.
        case text(String)

        public init(stringLiteral text: String) { self = .text(text) }

        /// - Parameter least: the smallest value that works, where it is known.
        public static func raise(_ setting: Setting, to least: Figure? = nil) -> Step { .change(setting, .raise, least) }
        /// - Parameter most: the largest value that works, where it is known.
        public static func lower(_ setting: Setting, to most: Figure? = nil) -> Step { .change(setting, .lower, most) }
        public static func set(_ setting: Setting, to value: Figure? = nil) -> Step { .change(setting, .set, value) }
        public static func remove(_ setting: Setting) -> Step { .change(setting, .remove, nil) }
    }

    /// What a program may let its users set. Raw values are stable.
    public enum Setting: String, Sendable, CaseIterable {
        /// `EngineOptions.architecture`
        case architecture
        /// `EngineOptions.cacheTokens`, in tokens
        case cacheTokens = "cache_tokens"
        /// `EngineOptions.cacheDType`
        case cacheType = "cache_type"
        /// Whether a prompt is put into the model's chat template.
        case chatTemplate = "chat_template"
        /// `EngineOptions.contextLength`, in tokens
        case contextLength = "context_length"
        /// `EngineOptions.expertMemory`, in bytes
        case expertMemory = "expert_memory"
        /// `EngineOptions.fallback`
        case fallback
        /// `SearchPaths.kernelPaths`
        case kernelPaths = "kernel_paths"
        /// Whether kernel sources are watched while the model runs (`KernelWatcher`).
        case liveKernels = "live_kernels"
        /// `EngineOptions.memory`, in bytes
        case memory
        /// `EngineOptions.placement`; lower: fewer ops on the device that the message names.
        case placement
        /// The limit of `Engine.saveNode`, in bytes
        case saveLimit = "save_limit"
        /// `EngineOptions.speculation`
        case speculation
        /// `EngineOptions.threads`
        case threads
        /// Whether a tokenizer is written with a model; remove: `QuantizationOptions.omitsTokenizer`
        case tokenizer
    }

    public enum Direction: String, Sendable, CaseIterable { case raise, lower, set, remove }

    public enum Figure: Sendable, Equatable, ExpressibleByStringLiteral {
        case bytes(Int)
        case tokens(Int)
        case text(String)

        public init(stringLiteral text: String) { self = .text(text) }
    }

    /// Something to do that is no setting.
    public enum Action: Sendable, Equatable {
        /// Pull a model of the catalogue; nil: any.
        case pull(String?)
        /// Pull a model, nil for any, from a file that is here already.
        case pullFromFile(String?)
        /// Pull the same model again: the download resumes where it stopped.
        case resumePull
        /// See how much memory a model needs (`LoadPlan`).
        case showPlan
        /// Write a plan file (`LoadPlan.placementRules().json`).
        case writePlan
        /// See the backends, their devices and options (`BackendRegistry.list()`).
        case listBackends
        /// See the labels and ops of a model's graph (`ModelDescription.graph`).
        case listGraph
        /// Write a file of logits (`LogitsFile`).
        case writeLogits
        /// Compare two backends and save the first node that differs (`Engine.saveNode`).
        case saveNode
        /// Give token ids in place of text.
        case useTokenIDs
        /// Make embeddings of texts (`Engine.embed`).
        case embed
        /// Score documents for a query (`Engine.rerank`).
        case rerank
    }
}

extension HadalError.Hint? {
    /// The hint, if there is one, with another step behind it.
    package func adding(_ step: HadalError.Hint.Step) -> HadalError.Hint { HadalError.Hint((self?.steps ?? []) + [step]) }
}
