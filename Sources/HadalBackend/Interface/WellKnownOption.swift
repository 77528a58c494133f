public import HadalCore

/// Options that the host sets by itself in backends that publish them, by name and kind. All others mean something to users alone.
public enum WellKnownOption: String, Sendable, CaseIterable {
    case threads
    case kernels
    case kernelCache = "kernel-cache"
    case compileUnchanged = "compile-unchanged"
    case tuned
    case order
    case fusion
    case expertMemory = "expert-memory"

    public var name: String { rawValue }

    public var kind: OptionSpec.Kind {
        switch self {
        case .threads, .expertMemory: .int
        case .kernels, .kernelCache, .tuned, .order: .string
        case .compileUnchanged, .fusion: .bool
        }
    }

    /// Of an option `order`: threads' shares, or invocations, one after another.
    public static let orders = ["forward", "backward"]

    /// What the host means by it.
    public var meaning: String {
        switch self {
        case .threads: "threads that compute, 0 for as many as suit"
        case .kernels: "directories of op folders, separated by colons, the first having the last word"
        case .kernelCache: "where compiled kernels are kept; empty for `$XDG_CACHE_HOME/hadal/kernels` or `~/.cache/hadal/kernels`"
        case .compileUnchanged:
            "compile the source of a kernel even where it is that of the built-in one: set where an edited kernel is checked"
        case .tuned: "a file with the numbers to build kernels with, `none` for none: a tuner writes it, and checks its choices with it"
        case .order: "with the choices `forward` and `backward`: shares of a kernel one after another, set where kernels are checked"
        case .fusion: "whether several ops may be one kernel: off for kernels that change while a model runs"
        case .expertMemory: "bytes of experts to keep in memory, for backends with `WEIGHT_PIECES`"
        }
    }

    /// Whether a backend publishes it, and `choice` among its choices where one is asked for.
    public func isPublished(by backend: some Backend, choice: String? = nil) -> Bool {
        backend.options.contains { $0.name == name && $0.kind == kind && (choice.map($0.choices.contains) ?? true) }
    }

    /// A line for each: the table of `docs/plugins.md`.
    package static var table: String {
        "| option | kind | what the host means by it |\n|---|---|---|\n"
            + allCases.map { "| `\($0.name)` | \($0.kind) | \($0.meaning) |\n" }.joined()
    }
}

extension OptionSpec {
    /// A backend's spec of an option that the host sets by itself.
    public init(
        _ option: WellKnownOption, defaultValue: OptionValue, minimum: Double? = nil, maximum: Double? = nil, choices: [String] = [],
        help: String
    ) {
        self.init(
            name: option.name, kind: option.kind, defaultValue: defaultValue, minimum: minimum, maximum: maximum, choices: choices,
            help: help)
    }
}
