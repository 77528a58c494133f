public import ArgumentParser
import Hadal
import HadalCore

/// Where to look for plugins, architectures and kernels.
struct SearchOptions: ParsableArguments {
    @Option(
        name: .customLong("plugin-path"),
        help: ArgumentHelp("Directory to search first for plugins; may be given several times.", valueName: "dir"))
    var pluginPaths: [String] = []

    @Option(
        name: .customLong("architecture-path"),
        help: ArgumentHelp("Directory to search first for architecture descriptions; may be given several times.", valueName: "dir"))
    var architecturePaths: [String] = []

    @Option(
        name: .customLong("kernels"),
        help: ArgumentHelp("Directory with your own op folders; may be given several times.", valueName: "dir"))
    var kernelPaths: [String] = []

    @Flag(name: .shortAndLong, help: "Log what is loaded and chosen to stderr.")
    var verbose = false

    /// Warnings and errors always go to stderr; the rest with --verbose.
    var log: LogSink {
        let least: LogSink.Level = verbose ? .debug : .warning
        return LogSink { level, message in if level >= least { Terminal.note("\(level): \(message)") } }
    }

    var environment: SearchPaths {
        SearchPaths(pluginPaths: pluginPaths, architecturePaths: architecturePaths, kernelPaths: kernelPaths)
    }

    /// What a model is, from its header alone.
    func describe(_ model: String, architecture: String?) throws -> ModelDescription {
        var options = EngineOptions()
        options.environment = environment
        options.architecture = architecture
        options.log = log
        return try ModelDescription(path: try ModelStore.resolve(model), options: options)
    }
}

/// Which model, on what, how.
@dynamicMemberLookup
struct ModelOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("A GGUF file, a Hugging Face directory, or a catalogue name.", valueName: "model"))
    var model: String

    @OptionGroup var engine: EngineArguments

    subscript<Value>(dynamicMember path: KeyPath<EngineArguments, Value>) -> Value { engine[keyPath: path] }

    func engineOptions(observe: EngineOptions.Observation = .none, exact: Bool = false) throws -> EngineOptions {
        try engine.options(observe: observe, exact: exact)
    }
}

/// On what a model runs, and how.
struct EngineArguments: ParsableArguments {
    @OptionGroup var search: SearchOptions

    @Option(help: ArgumentHelp("Backend to run on: name, or name:device.", valueName: "name"))
    var backend = "cpu"

    @Option(
        help: ArgumentHelp(
            "Place ops on backends: pattern=backend[:device], the first that matches decides. A pattern is an op (experts), a label (layers.*.attention.*), a range (layers 0-11), several of these, or rest.",
            valueName: "rules"),
        transform: { try PlacementRules(parsing: $0) })
    var place: PlacementRules?

    @Option(name: .customLong("plan"), help: ArgumentHelp("Read the placement from a file written by hadal plan -o.", valueName: "file"))
    var planFile: String?

    @Option(help: ArgumentHelp("Set an option of a backend (hadal backends lists them).", valueName: "backend.option=value"))
    var set: [String] = []

    @Option(
        help:
            "What to do with an op that its backend cannot run: error, or run it on another backend with a warning (warn) or without (allow)."
    )
    var fallback: FallbackPolicy = .error

    @Option(help: ArgumentHelp("An architecture description that overrides detection.", valueName: "file"))
    var architecture: String?

    @Option(
        name: [.customShort("t"), .customLong("threads")],
        help: ArgumentHelp("Number of threads for backends that use threads; -1: chosen by the backend.", valueName: "n"),
        transform: NumberOption.integer(1..., orMinusOne: "automatic"))
    var givenThreads: NumberOption.OptionalInteger?

    var threads: Int? { givenThreads?.value }

    @Option(help: ArgumentHelp("Maximum context length in tokens.", valueName: "tokens"), transform: NumberOption.integer(1...))
    var context: Int?

    @Option(
        name: .customLong("cache-type"),
        help:
            "Element type of the KV cache. auto: f16, but f32 for logits, generate-ids, eval and trace, and for the reference backend. q8_0 takes about half of f16."
    )
    var cacheType = CacheType.auto

    @Option(
        help: ArgumentHelp("Maximum prompt tokens per step.", valueName: "tokens"), reading: NumberOption.integer(1...65536))
    var batch = 512

    @Option(
        name: .customLong("expert-memory"),
        help: ArgumentHelp(
            "Keep at most this much expert data in memory (e.g. 2GiB) and read the rest from disk on demand. Does not change results.",
            valueName: "bytes"),
        transform: NumberOption.bytes(atLeast: 1))
    var expertMemory: ByteCount?

    @Option(
        help: ArgumentHelp(
            "Memory that the model may take (e.g. 8GiB): weights, experts, KV cache and work space, without 60 MB for the program. Default: nine tenths of what is free. --expert-memory and --context are taken first; a mixture of experts that does not fit reads some from disk.",
            valueName: "bytes"),
        transform: NumberOption.bytes(atLeast: 1))
    var memory: ByteCount?

    func validate() throws {
        if place != nil, planFile != nil { throw ValidationError("--place and --plan cannot be combined.") }
        for setting in set where !setting.contains("=") || !(setting.split(separator: "=").first?.contains(".") ?? false) {
            throw ValidationError("--set requires backend.option=value, not '\(setting)'.")
        }
    }

    /// The options as the library takes them.
    ///
    /// - Parameter exact: whether the command's numbers are to be those of a cache that keeps every bit, unless another is asked for.
    /// - Throws: `HadalError` for a plan file that cannot be read.
    func options(observe: EngineOptions.Observation = .none, exact: Bool = false) throws -> EngineOptions {
        var options = EngineOptions()
        options.backend = backend
        options.placement = try planFile.map { try PlacementRules(contentsOf: $0) } ?? place
        options.fallback = fallback
        for setting in set {
            guard let split = setting.firstIndex(of: "=") else { continue }
            options.settings[String(setting[..<split])] = String(setting[setting.index(after: split)...])
        }
        options.threads = threads
        options.environment = search.environment
        options.architecture = architecture
        options.contextLength = context
        options.cacheDType = cacheType.dtype ?? (exact ? .f32 : nil)
        options.batchTokens = batch
        options.observe = observe
        options.expertMemory = expertMemory?.bytes
        options.memory = memory?.bytes
        options.log = search.log
        return options
    }
}

extension FallbackPolicy: ExpressibleByArgument {}
