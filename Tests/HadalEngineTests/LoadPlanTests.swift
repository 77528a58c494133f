import Foundation
import HadalArchitecture
import HadalBackend
import HadalCore
import HadalGraph
import HadalSynthesis
import Synchronization
import TestSupport
import Testing

@testable import HadalEngine

/// A plan tells what loading does.
@Suite("Load plans", .serialized)
struct LoadPlanTests {
    private struct Model {
        let name: String
        let path: String
        /// Of all weights, as stored.
        let bytes: Int
        let experts: ExpertCosts?
    }

    private let island: IslandBackend

    init() throws {
        island = IslandBackend("island", over: try Golden.options("cpu").environment.registry().backend(named: "cpu"))
    }

    // MARK: models

    private static let dense = """
        {"hidden_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 512,
         "vocab_size": 320, "max_position_embeddings": 256, "tie_word_embeddings": false}
        """
    private static let mixture = """
        {"hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
         "num_local_experts": 5, "num_experts_per_tok": 2, "vocab_size": 320, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
         "rope_theta": 10000}
        """
    /// Few weights, and a cache of 128 KiB a token.
    private static let wide = """
        {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 64, "num_key_value_heads": 64, "head_dim": 256, "intermediate_size": 64,
         "vocab_size": 320, "max_position_embeddings": 256, "tie_word_embeddings": false}
        """

    private static func model(_ folder: String, _ architecture: String, _ configuration: String, _ type: DType, name: String) throws
        -> Model
    {
        let path = "\(folder)/\(name).gguf"
        try SyntheticModel(
            architecture: architecture, configuration: try JSONDocument(parsing: configuration, file: "config.json"), type: type,
            library: ArchitectureLibrary(), catalogue: OpCatalogue.load()
        ).write(to: path, seed: 5)
        return try described(name, path)
    }

    private static func described(_ name: String, _ path: String) throws -> Model {
        let plan = try LoadPlan(path: path, options: Golden.options("cpu"))
        return Model(name: name, path: path, bytes: plan.weightBytes, experts: plan.experts)
    }

    private static func models(_ folder: String) throws -> [Model] {
        var models = try [
            model(folder, "llama", dense, .f16, name: "dense-f16"), model(folder, "llama", dense, .q8_0, name: "dense-q8_0"),
            model(folder, "llama", dense, .q4_K, name: "dense-q4_K"), model(folder, "mixtral", mixture, .q8_0, name: "mixture-q8_0"),
            model(folder, "mixtral", mixture, .q4_K, name: "mixture-q4_K"), model(folder, "llama", wide, .q8_0, name: "wide"),
            described("fixture", Fixtures.path("models/llama")),
        ]
        if let goldens = Fixtures.goldens { models.append(try described("deepseek_v3", "\(goldens)/models/deepseek_v3")) }
        let large = "\(folder)/large.gguf"
        try LargeModel.write(to: large)
        models.append(try described("large", large))
        return models
    }

    // MARK: the property

    private static let placements: [String?] = [
        nil, nil, nil, "rest=cpu", "attention=cpu,rest=reference", "layers 0-0=reference,rest=cpu", "layers 1-1=cpu,rest=reference",
        "attention=island,rest=cpu", "layers 0-0=island,rest=cramped", "rest=island:1",
    ]
    private static let oddPlacements: [String?] = [
        "experts=cpu,rest=reference", "experts=reference,rest=cpu", "no.such.*=cpu,rest=cpu", "attention=nosuch,rest=cpu",
        "layers 9-=cpu,rest=cpu",
    ]

    private struct Case: CustomStringConvertible {
        let model: Model
        let options: EngineOptions
        let description: String
    }

    private func draw(_ models: [Model], _ random: inout SplitMix64) throws -> Case {
        func pick<T>(_ choices: [T]) -> T { choices[Int.random(in: 0..<choices.count, using: &random)] }
        /// Mostly something usual: of many mistakes at once only the first would be seen.
        func pick<T>(_ usual: [T], orRarely odd: [T]) -> T { Int.random(in: 0..<16, using: &random) == 0 ? pick(odd) : pick(usual) }
        let model = pick(models)
        // From far too little to more than enough, save for a model that must never be loaded.
        func memory() -> Int { Int(Double(model.bytes) * Double.random(in: 0.05...(model.bytes > 1 << 36 ? 0.9 : 3), using: &random)) }
        let island = IslandBackend("island", over: self.island.inner, heapBytes: UInt64(pick([memory(), 1 << 36])))
        let cramped = CrampedBackend(name: "cramped", inner: self.island.inner, bytes: UInt64(pick([memory(), 1 << 36])))

        var options = Golden.options(pick(["cpu", "cpu", "cpu", "reference", "island", "cramped"], orRarely: ["example", "nosuch"]))
        options.environment.backends = [island, cramped]
        options.placement = try pick(Self.placements, orRarely: Self.oddPlacements).map { try PlacementRules(parsing: $0) }
        options.fallback = pick([.error, .warn, .allow])
        // Positions up to the last that can be counted take more memory than there are addresses, for this model.
        let most = model.name == "wide" ? [Int(Int32.max)] : []
        options.contextLength = pick([nil, nil, 1, 5, 64, 100, 256, 257, 5000, 1 << 20] + most, orRarely: [1 << 40, .max, 0, -3])
        options.cacheTokens = pick([nil, nil, 1, 1000, 1 << 21], orRarely: [.max, 0])
        options.batchTokens = pick([512, 1, 7, 64], orRarely: [1 << 50, 0])
        options.batchSequences = pick([8, 1, 3], orRarely: [0, 1 << 50])
        options.cacheDType = pick([.f32, .f16, .q8_0, nil], orRarely: [.q4_0])
        options.observe = pick([.none, .none, .allLogits, .hidden])
        options.predictsNext = pick([false], orRarely: [true])
        if model.name == "deepseek_v3" { options.predictsNext = pick([false, true]) }
        let least = model.experts?.minimumLimit ?? 1 << 20
        options.expertMemory = pick([nil, nil, least, 3 * least, 1 << 40], orRarely: [least - 1, 0])
        options.memory = pick([nil, nil, nil, memory()], orRarely: [1])
        options.memoryLimits = pick([
            MemoryLimits(), MemoryLimits(machine: memory()), MemoryLimits(group: memory()), MemoryLimits(addresses: 4 * memory()),
        ])
        options.speculation = SpeculationOptions(
            pick([.off], orRarely: [.mtp, .draft(path: pick(models).path), .draft(path: "/no/such.gguf")]))
        options.settings = pick([[:]], orRarely: [["cpu.nosuch": "1"], ["nosuch.threads": "1"], ["cpu.threads": "none"]])
        options.threads = pick([1, nil], orRarely: [-5])
        options.architecture = pick([nil], orRarely: ["/no/such.json"])
        var parts: [String] = []
        parts.append(
            "\(model.name) on \(options.backend), \(options.placement?.rules.map(\.text).joined(separator: ",") ?? "-"), \(options.fallback)"
        )
        parts.append(
            "context \(options.contextLength ?? -1), cache \(options.cacheTokens ?? -1), step \(options.batchTokens) x\(options.batchSequences)"
        )
        parts.append(
            "\(options.cacheDType?.name ?? "auto"), observe \(options.observe), next \(options.predictsNext), experts \(options.expertMemory ?? -1)"
        )
        parts.append("limits \(options.memoryLimits ?? MemoryLimits()), island \(island.heapBytes), cramped \(cramped.bytes)")
        parts.append("\(options.speculation.source), \(options.settings), \(options.architecture ?? "-")")
        return Case(model: model, options: options, description: parts.joined(separator: "; "))
    }

    /// What was told, comparable.
    private enum Outcome: Equatable {
        case loads
        case refused(HadalError)
    }

    private func outcome(_ body: () throws -> HadalError?) throws -> Outcome {
        do { return try body().map { .refused($0) } ?? .loads } catch let error as HadalError { return .refused(error) }
    }

    @Test("Search paths list devices by the names that options take")
    func devices() throws {
        let found = try SearchPaths().devices()
        #expect(found.contains { $0.name == "cpu:0" && $0.device.kind == .cpu } && found.contains { $0.name == "reference:0" })
        let plan = try LoadPlan(path: Fixtures.path("models/llama"), options: EngineOptions(backend: "reference:0"))
        #expect(plan.obstacle == nil && plan.devices.map(\.name) == ["Reference"], "\(plan.devices)")
    }

    @Test("an obstacle, a context and memory are those of loading, whatever the model, the limits, the placement and the backend")
    func property() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let models = try Self.models(folder)
        var random = SplitMix64(seed: 19)
        var seen: [HadalError.Code: Int] = [:]
        var loaded = 0
        for number in 0..<600 {
            let drawn = try draw(models, &random)
            let trace = Comment("case \(number): \(drawn)")
            var plan: LoadPlan?
            let planned = try outcome {
                plan = try LoadPlan(path: drawn.model.path, options: drawn.options)
                return plan?.obstacle
            }
            var engine: Engine?
            let loading = try outcome {
                engine = try Engine(path: drawn.model.path, options: drawn.options)
                return nil
            }
            #expect(planned == loading, trace)
            if case .refused(let error) = loading { seen[error.code, default: 0] += 1 }
            guard let plan, let engine else { continue }
            loaded += 1
            try compare(plan, engine, trace)
        }
        // Every kind of end was met.
        #expect(loaded > 50, "\(loaded)")
        for code in [HadalError.Code.outOfMemory, .limitExceeded, .unsupported, .invalidArgument, .notFound, .mismatch] {
            #expect(seen[code, default: 0] > 0, "\(code): \(seen)")
        }
    }

    /// Holds the figures of a plan against those of an engine that was planned and loaded on its own.
    private func compare(_ plan: LoadPlan, _ engine: Engine, _ trace: Comment) throws {
        let program = engine.program
        #expect(plan.contextLength == engine.contextLength && plan.contextLength == engine.makeSession().contextLength, trace)
        #expect(plan.bounds == program.bounds, trace)
        #expect(plan.graph.outputs == program.graph.outputs && plan.graph.nodes.count == program.graph.nodes.count, trace)
        #expect(plan.placement?.parts == engine.placement.parts && plan.placement?.devices == engine.placement.devices, trace)
        #expect(plan.placement?.moves == engine.placement.moves && plan.placement?.transfers == engine.placement.transfers, trace)
        #expect(plan.backend == engine.backendDescription && plan.expertMemory == engine.plan.expertMemory, trace)
        // The cache as it is allocated.
        #expect(
            plan.cacheTokens <= (program.pageCount - 1) * program.pageTokens
                && plan.cacheTokens > (program.pageCount - 2) * program.pageTokens, trace)
        let states = program.graph.states.indices.map { program.pageBytes(state: $0) }
        #expect(plan.cacheBytesPerToken * program.pageTokens == states.reduce(0, +), trace)
        #expect(plan.cacheBytes == plan.cacheBytesPerToken * plan.contextLength, trace)
        #expect(plan.devices.reduce(0) { $0 + $1.cacheBytesPerToken } == plan.cacheBytesPerToken, trace)
        for (index, device) in plan.devices.enumerated() {
            #expect(device.exchangeBytes == program.exchangeBytes(on: index), trace)
            #expect(device.cacheTokens == (device.ownsMemory ? program.pageCount * program.pageTokens : plan.contextLength), trace)
            let other = engine.plan.devices[index]
            #expect(device.weightBytes == other.weightBytes && device.expertBytes == other.expertBytes && device.ops == other.ops, trace)
        }
        #expect(program.info.scratchBytes <= plan.scratchBytes, "\(program.info.scratchBytes) > \(plan.scratchBytes): \(trace)")
        if let budget = plan.memoryBudget, plan.memoryBudgetSource == "named" {
            let hosted = plan.devices.filter(\.isHosted)
            let taken = hosted.reduce(0) {
                $0 + $1.weightBytes + $1.expertBytes + $1.cacheBytesPerToken * program.pageCount * program.pageTokens
            }
            #expect(taken + plan.scratchBytes <= budget, "\(taken) and \(plan.scratchBytes) bytes of \(budget): \(trace)")
        }
        // Packed matrices are rounded up to pages, and vectors are held as float32.
        if plan.devices.allSatisfy({ $0.device == "cpu" }), engine.model.hasQuantisedWeights, !program.info.keepsWeights {
            let streamed = plan.devices.reduce(0) { $0 + $1.expertBytes }
            let slack = program.graph.weights.reduce(0) { $0 + ($1.dims.count > 1 ? 4096 : 4 * $1.elements + 128) }
            let held = program.info.weightBytes
            #expect(abs(plan.heldBytes - streamed - held) <= slack + held / 16, "\(plan.heldBytes) bytes planned, \(held) held: \(trace)")
        }
        #expect((engine.expertStatistics != nil) == (plan.expertMemory != nil && (plan.experts?.layers ?? 0) > 0), trace)
    }

    // MARK: engines of a plan

    @Test("a plan has one engine at a time, which takes over its devices")
    func oneEngine() throws {
        var options = Golden.options("island")
        options.environment.backends = [island]
        let plan = try LoadPlan(path: Fixtures.path("models/llama"), options: options)
        func logits(_ engine: Engine) throws -> [Float] {
            let session = engine.makeSession()
            try session.append([1, 2, 3])
            return Array(session.logits)
        }
        var first: Engine? = try Engine(plan)
        let wanted = try first.map(logits)
        #expect(wanted?.isEmpty == false && island.opened.withLock { $0 } == 1)
        #expect { try Engine(plan) } throws: { ($0 as? HadalError)?.code == .invalidArgument }
        #expect(try first.map(logits) == wanted)
        first = nil
        #expect(try logits(try Engine(plan)) == wanted)
        #expect(island.opened.withLock { $0 } == 2)
    }

    @Test("loading tells how far it is, and ends with what is thrown from there", arguments: ["attention=reference,rest=cpu", "rest=cpu"])
    func progress(_ rules: String) throws {
        var options = Golden.options("cpu")
        options.placement = try PlacementRules(parsing: rules)
        options.speculation = SpeculationOptions(.draft(path: Fixtures.path("models/llama")))
        let plan = try LoadPlan(path: Fixtures.path("models/llama"), options: options)
        var all: [LoadProgress] = []
        _ = try Engine(plan) { all.append($0) }
        let last = try #require(all.last)
        let weights = plan.graph.weights.reduce(0) { $0 + $1.bytes }
        #expect(last.fraction == 1 && last.readBytes == last.totalBytes && last.compiledBytes == last.totalBytes)
        #expect(last.totalBytes == 2 * weights, "two models with the same weights")
        #expect(
            zip(all, all.dropFirst()).allSatisfy {
                $0.readBytes <= $1.readBytes && $0.compiledBytes <= $1.compiledBytes && $0.fraction <= $1.fraction
            })
        #expect(Set(all.map(\.phase)) == [.reading, .compiling])

        struct Enough: Error {}
        for stop in [1, all.count / 2, all.count] {
            var count = 0
            #expect(throws: Enough.self) {
                try Engine(plan) { _ in
                    count += 1
                    if count == stop { throw Enough() }
                }
            }
            #expect(count == stop)
        }
        // Nothing is left of that: the plan can still be loaded.
        try Engine(plan).makeSession().append([1, 2, 3])
    }
}
