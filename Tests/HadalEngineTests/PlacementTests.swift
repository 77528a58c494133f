import Foundation
import HadalArchitecture
import HadalBackend
import HadalCore
@testable import HadalEngine
import HadalGraph
import Synchronization
import TestSupport
import Testing

/// Models on two backends at once, with memory apart and shared.
@Suite("Placement", .serialized)
struct PlacementTests {
    /// Placements of which `island` has memory of its own, and `reef` too.
    static let placements = [
        "latent_attention=island,indexer=island,attention=island,experts=cpu,rest=island", "experts=island,rest=cpu",
        "*.attention.*=island,experts=reef,rest=cpu", "experts=reference,*.attention.*=cpu,rest=island", "experts=reef,rest=island",
        "layers 0-0=island,layers 1-99=reef,rest=reference", "experts=island:1,rest=island", "experts=cpu,rest=reference",
    ]
    static let families = ["deepseek_v2_lite", "deepseek_v3", "deepseek_v32", "mixtral"]

    private let island: IslandBackend
    private let reef: IslandBackend

    init() throws {
        let registry = try Golden.options("cpu").environment.registry()
        island = IslandBackend("island", over: try registry.backend(named: "cpu"))
        reef = IslandBackend("reef", over: try registry.backend(named: "reference"))
    }

    private func options(_ rules: String?, observe: EngineOptions.Observation = .none) throws -> EngineOptions {
        var options = Golden.options("cpu", observe: observe)
        options.environment.backends = [island, reef]
        options.placement = try rules.map { try PlacementRules(parsing: $0) }
        return options
    }

    private var copies: (count: Int, bytes: Int) {
        [island, reef].reduce((0, 0)) { sum, backend in
            let counts = backend.counts.withLock { $0 }
            return (sum.0 + counts.writes + counts.reads, sum.1 + counts.bytes)
        }
    }

    @Test(
        "goldens, and the copies that the plan counts are those made",
        .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"),
        arguments: families, placements)
    func goldens(_ family: String, _ rules: String) throws {
        // Mixtral's layers have experts and attention of the plain kind, and no indexer: a rule about one is no mistake.
        let path = "\(Fixtures.goldens ?? "")/models/\(family)"
        let golden = try Golden(path: path)
        let ids = try golden.ids("input_ids")
        var options = try options(rules, observe: .hidden)
        options.batchTokens = 11
        options.predictsNext = try golden.floats("mtp_logits") != nil
        var checked = 0
        for result in try Engine(path: path, options: options).evaluate(ids) {
            guard let wanted = try golden.floats(result.name) else { continue }
            let isLogits = result.name.hasSuffix("logits")
            let worst = zip(result.values, wanted).map { abs($0 - $1) / (isLogits ? 2e-3 : 1e-3 * max(1, abs($1))) }.max() ?? .infinity
            #expect(result.values.count == wanted.count && worst <= 1, "\(result.name): \(worst) times the tolerance")
            checked += 1
        }
        #expect(checked == golden.hiddenNames.count + (options.predictsNext ? 2 : 1))

        options.observe = .none
        options.predictsNext = false
        let engine = try Engine(path: path, options: options)
        let session = engine.makeSession()
        let before = copies
        try session.append(Array(ids[..<5]))
        try session.append([7])
        let (plan, graph) = (engine.placement, engine.model.graph)
        let made = copies
        #expect(made.count - before.count == 2 * plan.transfers.count)
        let bytes = [5, 1].reduce(0) { $0 + plan.copiedBytes(in: graph, tokens: $1, rows: 1, of: [.input, .output, .crossing]) }
        #expect(made.bytes - before.bytes == bytes && engine.program.bytesCopied == bytes)
        #expect(engine.program.copiesMade == 2 * plan.transfers.count)
        #expect(plan.devices.count == Set(engine.placement.parts.map(\.device)).count)
        #expect((plan.copies == 0) == !plan.ownsMemory.contains(true) && !plan.crossings.isEmpty)
        #expect(try LoadPlan(path: path, options: options).placement?.copies == plan.copies)
    }

    @Test("a value is copied once, however many parts read it")
    func copiesOnce() throws {
        let engine = try Engine(path: Fixtures.path("models/llama"), options: try options("attention=cpu,rest=island"))
        let (plan, graph) = (engine.placement, engine.model.graph)
        let layers = graph.nodes.count { $0.op == "attention" }
        // q, k and v go down, the result goes up; the residual stays where it is.
        #expect(plan.copies == 4 * layers && plan.crossings.count == 4 * layers)
        #expect(plan.transfers.count { $0.purpose == .output } == 1)
        let inputs = plan.transfers.filter { $0.purpose == .input }
        #expect(inputs.count == Set(inputs.map(\.value)).count && inputs.count <= graph.inputs.count)
        for transfer in plan.transfers {
            #expect(
                plan.transfers.count { $0.value == transfer.value && $0.device == transfer.device && $0.direction == transfer.direction }
                    == 1)
        }
    }

    @Test(
        "sessions on devices with memory of their own fork, roll back, and are saved",
        arguments: ["island", "attention=island,rest=cpu", "attention=cpu,rest=reef"])
    func sessions(_ rules: String) throws {
        let path = Fixtures.path("models/llama")
        var options = try options(rules.contains("=") ? rules : nil)
        if !rules.contains("=") { options.backend = rules }
        let (engine, plain) = (try Engine(path: path, options: options), try Engine(path: path, options: Golden.options("cpu")))
        func distance(_ a: Session, _ b: Session) -> Float { zip(a.logits, b.logits).map { abs($0 - $1) }.max() ?? .infinity }
        func fresh(_ ids: [Int32]) throws -> Session {
            let session = plain.makeSession()
            try session.append(ids)
            return session
        }
        let ids = (0..<70).map { Int32($0 * 37 % 380) }
        let a = engine.makeSession()
        try a.append(ids)
        let b = a.fork()
        try a.append([1, 2, 3])
        try b.append([9])
        try a.append([4])
        let (wantedA, wantedB) = (try fresh(ids + [1, 2, 3, 4]), try fresh(ids + [9]))
        #expect(distance(a, wantedA) < 1e-3 && distance(b, wantedB) < 1e-3)
        try a.rollBack(to: 40)
        try a.append([5])
        let rolledBack = try fresh(Array(ids[..<40]) + [5])
        #expect(distance(a, rolledBack) < 1e-3)
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try b.save(to: "\(folder)/b.safetensors")
        let loaded = try Session(contentsOf: "\(folder)/b.safetensors", engine: engine)
        try loaded.append([6])
        let wanted = try fresh(ids + [9, 6])
        #expect(distance(loaded, wanted) < 1e-3)
        // What one device's memory held goes on in another's.
        let moved = try Session(contentsOf: "\(folder)/b.safetensors", engine: plain)
        try moved.append([6])
        #expect(distance(moved, wanted) < 1e-3)
    }

    @Test("a device without nodes is not opened")
    func unused() throws {
        let path = Fixtures.path("models/llama")
        var options = try options("attention=cpu,softcap=island,rest=reference")
        options.fallback = .warn
        options.backend = "reef"
        _ = try Engine(path: path, options: options)
        #expect(island.opened.withLock { $0 } == 0 && reef.opened.withLock { $0 } == 0)
        _ = try LoadPlan(path: path, options: try self.options("attention=island,rest=cpu"))
        #expect(island.opened.withLock { $0 } == 1 && reef.opened.withLock { $0 } == 0)
    }

    @Test("fallback moves what a device cannot run, says all of it, and copies for it")
    func fallback() throws {
        let path = Fixtures.path("models/llama")
        let partial = IslandBackend("partial", over: island.inner, ops: ["linear", "rms_norm", "add"])
        var options = try options("rest=partial")
        options.environment.backends = [partial]
        let text = expectError(.unsupported) { try Engine(path: path, options: options) }?.description ?? ""
        #expect(
            ["attention", "rope", "glu", "embedding", "gather_rows"].allSatisfy {
                text.contains("\($0) ") && text.contains("no kernel for \($0)")
            })
        options.fallback = .allow
        let engine = try Engine(path: path, options: options)
        #expect(engine.placement.devices == ["partial", "cpu"] && engine.placement.copies > 0)
        let session = engine.makeSession(), plain = try Engine(path: path, options: Golden.options("cpu")).makeSession()
        try session.append([1, 2, 3])
        try plain.append([1, 2, 3])
        #expect((zip(session.logits, plain.logits).map { abs($0 - $1) }.max() ?? .infinity) < 1e-3)
        // The rules that the plan gives back need no fallback.
        let planned = try LoadPlan(path: path, options: options)
        options.placement = try planned.placementRules()
        options.fallback = .error
        let again = try Engine(path: path, options: options)
        #expect(
            again.placement.moves.isEmpty
                && again.placement.deviceOfNode.map { again.placement.devices[$0] }
                    == engine.placement.deviceOfNode.map { engine.placement.devices[$0] }
        )
    }

    @Test("a device's own memory bounds the context, and what does not fit is refused before it is read")
    func memory() throws {
        let path = Fixtures.path("models/llama")
        let load = try #require(try LoadPlan(path: path, options: try options("rest=island")).devices.first)
        #expect(load.ownsMemory && load.cacheBytesPerToken > 0 && load.exchangeBytes > 0)
        func engine(_ bytes: Int, _ context: Int?) throws -> Engine {
            var options = try options("rest=small")
            options.environment.backends = [IslandBackend("small", over: island.inner, heapBytes: UInt64(bytes))]
            options.contextLength = context
            return try Engine(path: path, options: options)
        }
        let fixed = (load.weightBytes + load.exchangeBytes) * 16 / 15
        let small = try engine(fixed + 300 * load.cacheBytesPerToken, nil)
        #expect(small.contextLength >= 64 && small.contextLength < 300)
        expectError(.outOfMemory) { try engine(fixed + 300 * load.cacheBytesPerToken, 1000) }
        expectError(.outOfMemory) { try engine(load.weightBytes, nil) }
    }

    @Test("threads go to every backend that has any")
    func threads() throws {
        var options = try options("attention=reference,rest=cpu")
        options.threads = 1
        #expect(try Engine(path: Fixtures.path("models/llama"), options: options).backendDescription.contains("reference"))
        options.threads = -1
        expectError(.invalidArgument, "threads") { try Engine(path: Fixtures.path("models/llama"), options: options) }
    }
}
