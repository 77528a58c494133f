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

/// One budget for everything that a model holds in the host's memory.
@Suite("Memory budgets", .serialized)
struct MemoryBudgetTests {
    private static let mebi = 1 << 20

    // MARK: dividing

    @Test("a budget is what is asked for, or nine tenths of what is free")
    func sources() {
        #expect(MemoryBudget(nil, MemoryLimits()) == nil)
        let machine = MemoryBudget(nil, MemoryLimits(machine: 1000, group: 2000))
        #expect(machine?.bytes == 900 && machine?.source == .machine)
        let group = MemoryBudget(nil, MemoryLimits(machine: 1000, group: 500))
        #expect(group?.bytes == 450 && group?.source == .controlGroup)
        let named = MemoryBudget(700, MemoryLimits(machine: 100, group: 500))
        #expect(named?.bytes == 700 && named?.source == .named)
        #expect(MemoryLimits.current().machine ?? 0 > 0)
    }

    /// 10 MiB of weights, 2 MiB of scratch and 16 KiB a token, so that a page of 64 tokens takes 1 MiB.
    private func division(
        _ budget: Int, asked: Bool = true, mapped: Int = 0, experts: Int = 0, draftBytesPerToken: Int = 0, addresses: Int? = nil
    ) -> MemoryDivision {
        MemoryDivision(
            budget: MemoryBudget(asked ? budget : nil, MemoryLimits(machine: budget * 10 / 9 + 2)), addresses: addresses,
            weightBytes: 10 * Self.mebi, mappedBytes: mapped, hugePageBytes: 0, expertBytes: experts, scratchBytes: 2 * Self.mebi,
            draftBytes: 0, stateBytes: 0, cacheBytesPerToken: 16 << 10, draftBytesPerToken: draftBytesPerToken)
    }

    private func tokens(
        _ division: MemoryDivision, context: Int, isAsked: Bool = false, cacheTokens: Int? = nil, takesAll: Bool = false,
        log: LogSink = .silent
    ) throws -> [Int] {
        let found = try division.tokens(
            context: context, isAsked: isAsked, cacheTokens: cacheTokens, takesAll: takesAll, limits: MemoryLimits(machine: 1 << 40),
            log: log)
        return [found.context, found.cache]
    }

    @Test("the cache gets what is left, whole pages and one to spare")
    func cache() throws {
        // Of 8 MiB one page is to spare.
        #expect(try tokens(division(20 * Self.mebi), context: 4096) == [448, 448])
        #expect(try tokens(division(20 * Self.mebi), context: 128) == [128, 256])
        #expect(try tokens(division(20 * Self.mebi), context: 300) == [300, 448])
        #expect(try tokens(division(20 * Self.mebi), context: 128, takesAll: true) == [128, 448])
        #expect(try tokens(division(20 * Self.mebi), context: 128, cacheTokens: 320, takesAll: true) == [128, 320])
        #expect(try tokens(division(20 * Self.mebi), context: 448, isAsked: true) == [448, 448])
        // What drafts holds twice as much for each token of a session, and nothing for what only the cache holds.
        #expect(try tokens(division(20 * Self.mebi, draftBytesPerToken: 16 << 10), context: 4096) == [192, 256])
        let warned = Mutex<[String]>([])
        _ = try tokens(division(20 * Self.mebi), context: 4096, log: LogSink { _, text in warned.withLock { $0.append(text) } })
        #expect(warned.withLock { $0 } == ["the context is 448 tokens, not 4096: more do not fit the memory budget beside the weights"])
        // Nobody limits it.
        let free = MemoryDivision(
            budget: nil, addresses: nil, weightBytes: 1, mappedBytes: 0, hugePageBytes: 0, expertBytes: 0, scratchBytes: 1, draftBytes: 0,
            stateBytes: 0, cacheBytesPerToken: 1, draftBytesPerToken: 0)
        #expect(try tokens(free, context: 5000, takesAll: true) == [5000, 10000])
    }

    @Test("what was asked for and does not fit is refused, with what would")
    func refusals() throws {
        let context = expectError(.outOfMemory) { try tokens(division(20 * Self.mebi), context: 449, isAsked: true) }
        #expect(
            context?.message
                == "10.0 MiB of weights, 2.00 MiB of scratch, 9.00 MiB of cache for 449 tokens: more than the memory budget (20.0 MiB)")
        #expect(
            context?.hint == [.lower(.contextLength, to: .tokens(448)), .raise(.memory, to: .bytes(21 * Self.mebi)), .action(.showPlan)])
        let cache = expectError(.outOfMemory) { try tokens(division(20 * Self.mebi), context: 64, cacheTokens: 5000) }
        #expect(cache?.message.contains("80.0 MiB of cache for 5000 tokens") == true, "\(String(describing: cache))")
        let weights = expectError(.outOfMemory) { try tokens(division(11 * Self.mebi), context: 4096) }
        #expect(weights?.hint == [.raise(.memory, to: .bytes(14 * Self.mebi)), .action(.showPlan)])
        let experts = expectError(.outOfMemory) { try tokens(division(20 * Self.mebi, experts: 8 * Self.mebi), context: 4096) }
        #expect(experts?.hint == [.raise(.memory, to: .bytes(22 * Self.mebi)), .lower(.expertMemory), .action(.showPlan)])
        // No budget helps where the machine has not as much.
        let machine = expectError(.outOfMemory) {
            try division(11 * Self.mebi, asked: false).tokens(
                context: 4096, isAsked: false, cacheTokens: nil, takesAll: false, limits: MemoryLimits(machine: 12 * Self.mebi),
                log: .silent)
        }
        #expect(machine?.hint == [.action(.showPlan)])
        let mapped = expectError(.outOfMemory) { try tokens(division(30 * Self.mebi, addresses: 20 * Self.mebi), context: 4096) }
        #expect(mapped?.message.contains("the limit on address space") == true)
        expectError(.outOfMemory) { try tokens(division(30 * Self.mebi), context: .max, isAsked: true) }
    }

    @Test("weights that the system pages by itself may be larger than what is free, and than nothing that was named")
    func mapped() throws {
        let warned = Mutex<[String]>([])
        let log = LogSink { _, text in warned.withLock { $0.append(text) } }
        #expect(try tokens(division(11 * Self.mebi, asked: false, mapped: 9 * Self.mebi), context: 128, log: log) == [128, 256])
        #expect(warned.withLock { $0.first?.contains("9.00 MiB of weights that are not quantised do not fit") } == true)
        expectError(.outOfMemory) { try tokens(division(11 * Self.mebi, mapped: 9 * Self.mebi), context: 128) }
    }

    @Test("experts get what is left beside a cache that is of use")
    func experts() throws {
        var costs = ExpertCosts()
        costs.expertBytes = Self.mebi
        costs.totalBytes = 100 * Self.mebi
        func limit(_ budget: Int, context: Int = 32768, isAsked: Bool = false, cacheTokens: Int? = nil) -> Int? {
            division(budget * Self.mebi).expertLimit(costs, context: context, isAsked: isAsked, cacheTokens: cacheTokens)
                .map { $0 / Self.mebi }
        }
        // 12 MiB stay, and 4,096 tokens take 65.
        #expect(limit(177) == nil && limit(176) == 123)
        #expect(limit(52) == 30, "a quarter of 40 MiB for the cache")
        #expect(limit(52, context: 64) == 38 && limit(52, context: 640, isAsked: true) == 29)
        #expect(limit(52, cacheTokens: 640) == 29)
        #expect(limit(13) == 2, "no less than two")
        #expect(limit(126, context: 128, isAsked: true) == nil)
    }

    // MARK: models

    private static func mixture(_ folder: String) throws -> String {
        let path = "\(folder)/mixture.gguf"
        let configuration = """
            {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
             "num_local_experts": 16, "num_experts_per_tok": 2, "vocab_size": 320, "max_position_embeddings": 8192, "rms_norm_eps": 1e-5,
             "rope_theta": 10000}
            """
        try SyntheticModel(
            architecture: "mixtral", configuration: try JSONDocument(parsing: configuration, file: "config.json"), type: .q4_K,
            library: ArchitectureLibrary(), catalogue: OpCatalogue.load()
        ).write(to: path, seed: 5)
        return path
    }

    @Test("a mixture that does not fit reads experts from disk by itself, with the same bits")
    func streams() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = try Self.mixture(folder)
        var options = Golden.options("cpu")
        options.cacheDType = .f16
        options.batchTokens = 64
        options.batchSequences = 2
        func bits(_ plan: LoadPlan) throws -> (bits: [UInt32], streams: Bool) {
            let engine = try Engine(plan)
            let session = engine.makeSession()
            try session.append([1, 2, 3, 4, 5])
            return (session.logits.map(\.bitPattern), engine.expertStatistics != nil)
        }
        let whole = try LoadPlan(path: path, options: options)
        let costs = try #require(whole.experts)
        #expect(whole.expertMemory == nil)
        let resident = try bits(whole)
        #expect(!resident.streams)

        let warned = Mutex<[String]>([])
        options.log = LogSink { _, text in warned.withLock { $0.append(text) } }
        let rest = whole.heldBytes - costs.totalBytes + whole.scratchBytes
        options.memory = rest + costs.totalBytes / 2
        let half = try LoadPlan(path: path, options: options)
        let limit = try #require(half.expertMemory)
        #expect(half.obstacle == nil && limit < costs.totalBytes / 2 && limit > costs.totalBytes / 4)
        #expect(half.scratchBytes + half.heldBytes + (half.cacheTokens + 64) * half.cacheBytesPerToken <= half.memoryBudget ?? 0)
        #expect(warned.withLock { $0.contains { $0.hasPrefix("not all experts fit the memory budget") } })
        let streamed = try bits(half)
        #expect(streamed.streams && streamed.bits == resident.bits)
        // What is named comes first: the cache of a context, and a limit on experts.
        options.contextLength = 1024
        let named = try LoadPlan(path: path, options: options)
        #expect(named.contextLength == 1024 && named.obstacle == nil)
        options.expertMemory = costs.totalBytes
        #expect(try LoadPlan(path: path, options: options).obstacle?.code == .outOfMemory)
        options.expertMemory = costs.minimumLimit
        let least = try LoadPlan(path: path, options: options)
        #expect(least.expertMemory == costs.minimumLimit && least.obstacle == nil && least.cacheTokens > 1024)
        // Not even two experts.
        options.expertMemory = nil
        options.contextLength = nil
        options.memory = rest
        let refused = try #require(try LoadPlan(path: path, options: options).obstacle)
        #expect(
            refused.code == .outOfMemory
                && refused.hint?.steps.contains { if case .change(.memory, .raise, .bytes) = $0 { true } else { false } } == true)
        // What the hint says is enough.
        if case .change(_, _, .bytes(let enough)?)? = refused.hint?.steps.first(where: {
            if case .change(.memory, _, _) = $0 { true } else { false }
        }) {
            options.memory = enough
            #expect(try LoadPlan(path: path, options: options).obstacle == nil)
        }
    }

    @Test("a draft model is counted")
    func drafts() throws {
        var options = Golden.options("cpu")
        options.memory = 1 << 30
        let path = Fixtures.path("models/llama")
        let alone = try LoadPlan(path: path, options: options)
        options.speculation = SpeculationOptions(.draft(path: path))
        let drafted = try LoadPlan(path: path, options: options)
        #expect(alone.draftBytes == 0 && drafted.draftBytes > 0 && drafted.obstacle == nil)
        #expect(drafted.cacheTokens < alone.cacheTokens)
    }

    @Test("where the budget lowers the context, a session that is full asks for a larger budget")
    func fullContext() throws {
        var options = Golden.options("cpu")
        let path = Fixtures.path("models/llama")
        func refusal() throws -> HadalError? {
            let engine = try Engine(path: path, options: options)
            let session = engine.makeSession()
            return expectError(.contextFull) {
                try session.append(Array(repeating: 1, count: engine.contextLength + 1))
            }
        }
        #expect(try refusal()?.hint?.steps.first == .raise(.contextLength))
        let plan = try LoadPlan(path: path, options: options)
        options.memory = plan.heldBytes + plan.scratchBytes + 3 * Engine.pageTokens * plan.cacheBytesPerToken
        #expect(try LoadPlan(path: path, options: options).contextLength == 2 * Engine.pageTokens)
        #expect(try refusal()?.hint?.steps.first == .raise(.memory))
    }
}
