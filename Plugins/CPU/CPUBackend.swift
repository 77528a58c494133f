import CHadalKernels
public import HadalBackend
public import HadalCore

/// The processor itself: SIMD kernels of `kernels/ops/*/cpu.c`, chosen at run time, on a pool of threads.
public struct CPUBackend: Backend {
    public init() {}

    public var name: String { "cpu" }
    public var version: String { "1.0" }
    public var summary: String { "SIMD kernels chosen at run time; OpenBLAS for large float products" }
    public var capabilities: BackendCapabilities {
        [.blockScales, .trace, .multiNode, .state, .multiSequence, .symbolicDims, .weightPieces, .stableSteps, .liveKernels, .fixedStates]
    }

    public var options: [OptionSpec] {
        [
            OptionSpec(
                .threads, defaultValue: .int(0), minimum: 0, maximum: 1024,
                help: "number of compute threads; 0: one per core that this process may use"),
            OptionSpec(
                name: "isa", kind: .string, defaultValue: .string("auto"), choices: ["auto"] + InstructionSet.allCases.map(\.name),
                help: "instruction set; auto: the best that the processor supports"),
            OptionSpec(
                name: "blas", kind: .string, defaultValue: .string("auto"), choices: ["auto", "off"],
                help: "float32 products of many tokens through OpenBLAS, where it is installed and takes less time"),
            OptionSpec(
                name: "activations", kind: .string, defaultValue: .string("auto"), choices: ["auto"] + ActivationBits.allCases.map(\.name),
                help:
                    "precision of activations multiplied with quantised weights: 8-bit, 15-bit (slower, closer to float), or auto: 15-bit for outliers"
            ),
            OptionSpec(
                name: "bf16-activations", kind: .bool, defaultValue: .bool(false),
                help:
                    "round activations multiplied with bfloat16 weights to bfloat16 in steps of 16 tokens or more: faster, where the processor has AVX-512 BF16"
            ),
            OptionSpec(
                name: "latent", kind: .string, defaultValue: .string("auto"), choices: LatentForm.allCases.map(\.name),
                help: "form of latent attention: absorbed (few new tokens), expanded (many), or auto: the cheaper one for each sequence"),
            OptionSpec(
                .fusion, defaultValue: .bool(true),
                help: "fuse neighbouring ops where that is faster; not done with kernels that change while a model runs"),
            OptionSpec(
                name: "huge-pages", kind: .bool, defaultValue: .bool(true), help: "use 2 MiB pages for packed weights"),
            OptionSpec(
                .expertMemory, defaultValue: .int(0), minimum: 0,
                help: "maximum bytes of experts to keep in memory (e.g. 2GiB), the others being read from disk on demand; 0: all"),
            OptionSpec(
                name: "expert-prefetch", kind: .bool, defaultValue: .bool(true),
                help: "with expert-memory: prefetch the experts that the next layer's router would choose"),
            OptionSpec(
                name: "expert-threads", kind: .int, defaultValue: .int(2), minimum: 1, maximum: 64,
                help: "with expert-memory: number of threads that read and pack experts"),
            OptionSpec(
                name: "expert-reads", kind: .string, defaultValue: .string("direct"), choices: ["direct", "cached"],
                help: "with expert-memory: direct bypasses the system's page cache where possible, cached uses it"),
            OptionSpec(
                .kernels, defaultValue: .string(""),
                help: "directories with your own op folders, separated by colons; their cpu.c override the built-in kernels"),
            OptionSpec(
                .kernelCache, defaultValue: .string(""),
                help: "directory for compiled kernels; default: hadal/kernels in the user's cache directory"),
            OptionSpec(
                name: "c-compiler", kind: .string, defaultValue: .string("auto"),
                help: "C compiler for kernels: a path or a name, auto for the first of cc, clang and gcc, or empty for none"),
            OptionSpec(
                .compileUnchanged, defaultValue: .bool(false),
                help: "compile kernel sources even if identical to those of the built-in kernels"),
            OptionSpec(
                .order, defaultValue: .string("together"), choices: ShareOrder.allCases.map(\.name),
                help:
                    "order in which the threads' shares of a kernel are computed: together, or one after another, which reveals kernels that depend on it"
            ),
        ]
    }

    public func devices() throws -> [DeviceInfo] { [CPUDevice.describe(InstructionSet.available)] }

    /// - Throws: for an instruction set that this machine lacks.
    public func open(device index: Int, options: [String: OptionValue], log: LogSink) throws -> any Device {
        guard index == 0 else {
            throw HadalError(.notFound, "the cpu backend has one device, number 0, not \(index)")
        }
        // Ranges and choices are those of `options`.
        try check(options: options)
        var configuration = CPUConfiguration()
        var experts = ExpertCache.Configuration(limit: 0)
        for (name, value) in options {
            switch (name, value) {
            case (WellKnownOption.threads.name, .int(let n)): if n > 0 { configuration.threads = Int(n) }
            case ("isa", .string("auto")): break
            case ("isa", .string(let text)):
                guard let wanted = InstructionSet.onThisMachine.first(where: { $0.name == text }) else {
                    throw HadalError(
                        .unsupported, "this processor cannot run '\(text)'",
                        hint: "the strongest it has is \(InstructionSet.available.name)")
                }
                configuration.isa = wanted
            case ("blas", .string(let text)): configuration.usesBLAS = text == "auto"
            case ("activations", .string(let text)):
                configuration.activations = ActivationBits.allCases.first { $0.name == text }
            case ("bf16-activations", .bool(let wanted)): configuration.roundsActivations = wanted
            case ("latent", .string(let text)):
                configuration.latentForm = LatentForm.allCases.first { $0.name == text } ?? .auto
            case (WellKnownOption.fusion.name, .bool(let wanted)): configuration.fuses = wanted
            case ("huge-pages", .bool(let wanted)):
                configuration.usesHugePages = wanted
                experts.usesHugePages = wanted
            case (WellKnownOption.expertMemory.name, .int(let bytes)): experts.limit = Int(clamping: bytes)
            case ("expert-prefetch", .bool(let wanted)): experts.guesses = wanted
            case ("expert-threads", .int(let n)): experts.threads = Int(n)
            case ("expert-reads", .string(let text)): experts.isDirect = text == "direct"
            case (WellKnownOption.kernels.name, .string(let text)):
                configuration.kernels.directories = text.split(separator: ":").map(String.init)
            case (WellKnownOption.kernelCache.name, .string(let text)): if !text.isEmpty { configuration.kernels.cache = text }
            case ("c-compiler", .string(let text)): configuration.kernels.compiler = text == "auto" ? nil : text
            case (WellKnownOption.compileUnchanged.name, .bool(let wanted)): configuration.kernels.compilesUnchanged = wanted
            case (WellKnownOption.order.name, .string(let text)):
                configuration.order = ShareOrder.allCases.first { $0.name == text } ?? .together
            default: break
            }
        }
        if experts.limit > 0 { configuration.experts = experts }
        guard experts.limit == 0 || configuration.order == .together else {
            throw HadalError(.unsupported, "expert-memory requires order 'together', since experts are read while others are computed")
        }
        return try CPUDevice(configuration, log: log)
    }
}

/// The options of an opened CPU device.
struct CPUConfiguration: Sendable {
    var threads = Processors.usable
    var isa = InstructionSet.available
    var usesBLAS = true
    var usesHugePages = true
    /// nil: 15 bits for blocks with outliers, else 8.
    var activations: ActivationBits?
    /// Whether activations of many tokens may be rounded to bfloat16 where they are multiplied with bfloat16 weights.
    var roundsActivations = false
    var latentForm = LatentForm.auto
    /// Whether a call may compute several nodes.
    var fuses = true
    var kernels = KernelTable.Configuration()
    var order = ShareOrder.together
    /// nil: every expert stays in memory.
    var experts: ExpertCache.Configuration?
}

/// How latent attention is computed; numbered as its kernel has them.
enum LatentForm: Int, Sendable, CaseIterable {
    case auto = 0
    case absorbed = 1
    case expanded = 2

    var name: String { "\(self)" }
}

/// The precision of activations that are multiplied with quantised weights.
enum ActivationBits: Int, Sendable, CaseIterable {
    case eight = 1
    case fifteen = 2

    var name: String { self == .eight ? "8bit" : "15bit" }
}

/// Instruction sets that kernels are compiled for, numbered as in the kernel ABI.
package enum InstructionSet: UInt32, Sendable, CaseIterable {
    case baseline = 0
    case avx2 = 1
    case avx512 = 2
    case avx512vnni = 3
    /// Arm's.
    case dotprod = 4

    package var name: String { String(cString: hadal_isa_name(rawValue)) }

    /// Those that a machine with this one as its strongest can run, weakest first.
    package var runnable: [InstructionSet] {
        let all: [InstructionSet] = self == .dotprod ? [.baseline, .dotprod] : [.baseline, .avx2, .avx512, .avx512vnni]
        return all.filter { $0.rawValue <= rawValue }
    }

    /// The strongest that this machine can run.
    package static let available = InstructionSet(rawValue: hadal_isa_available()) ?? .baseline

    /// Those that this machine can run, weakest first.
    package static var onThisMachine: [InstructionSet] { available.runnable }
}
