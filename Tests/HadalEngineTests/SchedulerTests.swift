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

/// Many requests on one engine.
@Suite("Scheduler")
struct SchedulerTests {
    private static func options(_ backend: String) -> EngineOptions {
        var options = Golden.options(backend)
        options.contextLength = 400
        options.cacheTokens = 4096
        return options
    }

    @Test("a request gets what it gets alone, in every family", arguments: Golden.cases)
    func families(_ path: String, _ backend: String) async throws {
        try await ScheduledOutcome.check(try Engine(path: path, options: Self.options(backend)), "\(path) \(backend)")
    }

    @Test(
        "a request gets what it gets alone, with weights of every type",
        arguments: [DType.f32, .f16, .bf16, .q4_0, .q8_0, .q4_K, .q6_K, .iq4_nl, .mxfp4])
    func weightTypes(_ type: DType) async throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let models = [
            (
                "llama",
                """
                {"hidden_size": 256, "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 40,
                 "intermediate_size": 288, "vocab_size": 300, "max_position_embeddings": 512, "tie_word_embeddings": true}
                """
            ),
            (
                "deepseek_v2",
                """
                {"hidden_size": 256, "num_hidden_layers": 2, "num_attention_heads": 3, "q_lora_rank": null, "kv_lora_rank": 64,
                 "qk_rope_head_dim": 16, "qk_nope_head_dim": 24, "v_head_dim": 20, "intermediate_size": 256, "moe_intermediate_size": 256,
                 "n_routed_experts": 7, "n_shared_experts": 1, "num_experts_per_tok": 3, "first_k_dense_replace": 1, "vocab_size": 300,
                 "max_position_embeddings": 512, "tie_word_embeddings": false}
                """
            ),
        ]
        for (architecture, config) in models {
            let path = "\(folder)/\(architecture).gguf"
            try SyntheticModel(
                architecture: architecture, configuration: try JSONDocument(parsing: config, file: "config.json"), type: type,
                library: ArchitectureLibrary(), catalogue: OpCatalogue.load()
            ).write(to: path, seed: 3)
            for settings in [[:], ["cpu.isa": "avx2"]] {
                var options = Self.options("cpu")
                options.settings = settings
                let engine: Engine
                do { engine = try Engine(path: path, options: options) } catch let error as HadalError
                    where error.code == .unsupported && !settings.isEmpty
                { continue }
                try await ScheduledOutcome.check(engine, "\(architecture) \(type.name) \(settings)")
            }
        }
    }

    /// Figures from other threads.
    private final class Arrival: Sendable {
        let generation = Mutex<ScheduledGeneration?>(nil)
    }
    private final class Notes: Sendable {
        let list = Mutex<[Int]>([])
        func add(_ figure: Int) { list.withLock { $0.append(figure) } }
        var all: [Int] { list.withLock { $0 } }
    }

    /// Calls between one step and the next, on the engine's thread, until it says that it is done.
    private static func betweenSteps(_ engine: Engine, _ body: @escaping @Sendable () -> Bool) {
        engine.thread.submit { if !body() { betweenSteps(engine, body) } }
    }

    private func thinker(_ change: (inout EngineOptions) -> Void = { _ in }) throws -> Engine {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try ScriptedModel.thinker().write(to: "\(folder)/model.gguf")
        var options = Golden.options("cpu")
        change(&options)
        return try Engine(path: "\(folder)/model.gguf", options: options)
    }

    @Test("a chat's reply is that of a session")
    func chats() async throws {
        let engine = try thinker()
        let request = ChatRequest(messages: [.user("Where?")])
        let options = GenerationOptions(sampling: .greedy)
        let wanted = try engine.makeSession().reply(to: try engine.chatPrompt(request), options: options)
        let scheduler = Scheduler(engine)
        let generations = try (0..<5).flatMap { _ in try scheduler.submit(GenerationRequest(.chat(request), options: options)) }
        for generation in generations {
            let reply = try await generation.reply()
            #expect(reply.answer == wanted.answer && reply.reasoning == wanted.reasoning && reply.tokens == wanted.tokens)
            #expect(reply.summary.reason == wanted.summary.reason)
        }
    }

    @Test("a request that nobody waits for, one that is cancelled and one whose deadline passes give their pages back")
    func endings() async throws {
        let engine = try Engine(path: Golden.families[0], options: Self.options("cpu"))
        let scheduler = Scheduler(engine)
        let options = GenerationOptions(sampling: .greedy, maxTokens: 300, ignoreEndOfText: true)
        func request(_ deadline: ContinuousClock.Instant? = nil) -> GenerationRequest {
            GenerationRequest(.tokens([1, 2, 3]), options: options, deadline: deadline)
        }
        // Left after its first event.
        for try await _ in try scheduler.submit(request())[0] { break }
        let gate = DispatchSemaphore(value: 0)
        engine.thread.submit { gate.wait() }
        let cancelled = try scheduler.submit(request())[0]
        Self.betweenSteps(engine) {
            guard cancelled.choice.run?.session.count ?? 0 >= 5 else { return false }
            cancelled.cancel()
            return true
        }
        gate.signal()
        let reply = try await cancelled.reply()
        #expect(reply.summary.reason == .cancelled && (2...4).contains(reply.tokens.count))
        let late = try await scheduler.submit(request(.now))[0].reply()
        #expect(late.summary.reason == .deadline && late.tokens.isEmpty)
        while scheduler.status.running > 0 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(try await engine.hasAllPages())
    }

    @Test("the more important are admitted first, of equals the older, and whoever waits gains importance")
    func order() {
        let start = ContinuousClock.now
        func place(_ priority: Int, _ seconds: Int, _ number: Int) -> QueuePlace {
            QueuePlace(priority: priority, arrival: start + .seconds(seconds), number: number)
        }
        func order(_ places: [QueuePlace], at seconds: Int) -> [Int] {
            places.sorted { $0.isBefore($1, now: start + .seconds(seconds), ageing: .seconds(10)) }.map(\.number)
        }
        #expect(order([place(0, 0, 1), place(5, 1, 2), place(1, 2, 3), place(0, 3, 4)], at: 4) == [2, 3, 1, 4])
        #expect(order([place(0, 0, 1), place(2, 25, 2)], at: 29) == [1, 2])
        #expect(order([place(0, 0, 1), place(2, 15, 2)], at: 19) == [2, 1])
    }

    @Test("the queue is bounded, and what does not fit is refused")
    func queue() async throws {
        var options = Self.options("cpu")
        options.batchSequences = 1
        let engine = try Engine(path: Golden.families[0], options: options)
        let scheduler = Scheduler(engine, options: Scheduler.Options(queueLimit: 3))
        let request = GenerationRequest(
            .tokens([1, 2, 3]), options: GenerationOptions(sampling: .greedy, maxTokens: 3, ignoreEndOfText: true))
        // The engine's thread waits here, so that all that follow stand in the queue.
        let gate = DispatchSemaphore(value: 0)
        engine.thread.submit { gate.wait() }
        let waiting = try (0..<3).map { _ in try scheduler.submit(request)[0] }
        expectError(.limitExceeded, "the queue is full: 3 requests wait") { try scheduler.submit(request) }
        gate.signal()
        for generation in waiting { #expect(try await generation.reply().tokens.count == 3) }
        expectError(.limitExceeded, "2 answers to a prompt; 1 to 1 are possible") {
            try scheduler.submit(GenerationRequest(.tokens([1]), choices: 2))
        }
        expectError(.contextFull, "does not fit the context of 400") {
            try scheduler.submit(GenerationRequest(.tokens(Array(repeating: 1, count: 401))))
        }
        expectError(.invalidArgument, "the prompt is empty") { try scheduler.submit(GenerationRequest(.tokens([]))) }
        expectError(.invalidArgument, "token -1") { try scheduler.submit(GenerationRequest(.tokens([-1]))) }
        scheduler.close()
        expectError(.cancelled, "takes no more requests") { try scheduler.submit(request) }
    }

    @Test("a short request behind a long prompt has its first token within three chunks")
    func shortBehindLong() async throws {
        var options = Self.options("cpu")
        options.contextLength = 3000
        options.cacheTokens = 8000
        options.batchTokens = 160
        let engine = try Engine(path: Golden.families[0], options: options)
        let scheduler = Scheduler(engine)
        let once = GenerationOptions(sampling: .greedy, maxTokens: 1, ignoreEndOfText: true)
        let gate = DispatchSemaphore(value: 0)
        engine.thread.submit { gate.wait() }
        let long = try scheduler.submit(GenerationRequest(.tokens(Array(repeating: 1, count: 2900)), options: once))[0]
        // What the scheduler had computed when the short one came, and when it had its token.
        let figures = Notes(), short = Arrival()
        Self.betweenSteps(engine) {
            let computed = scheduler.status.prefillTokens
            guard computed > 0 else { return false }
            guard let arrived = short.generation.withLock({ $0 }) else {
                let request = GenerationRequest(.tokens([1, 2, 3]), options: once)
                short.generation.withLock { $0 = try? scheduler.submit(request)[0] }
                figures.add(computed)
                return false
            }
            if arrived.choice.reply != nil { figures.add(computed) }
            return arrived.choice.reply != nil
        }
        gate.signal()
        #expect(try await long.reply().tokens.count == 1)
        #expect(figures.all.count == 2 && figures.all[1] - figures.all[0] <= 4 * Scheduler.chunkTokens)
    }

    @Test("random cancels of many requests leave nothing behind")
    func cancels() async throws {
        let engine = try Engine(path: Golden.families[0], options: Self.options("cpu"))
        let scheduler = Scheduler(engine, options: Scheduler.Options(queueLimit: 2000))
        var random = SeededGenerator(seed: 12)
        let requests = 300
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<requests {
                let length = Int.random(in: 1...200, using: &random), stop = Int.random(in: 0...6, using: &random)
                let choices = Int.random(in: 1...3, using: &random)
                let request = GenerationRequest(
                    .tokens(Array(repeating: 5, count: length)),
                    options: GenerationOptions(sampling: .greedy, maxTokens: 4, ignoreEndOfText: true), choices: choices)
                for generation in try scheduler.submit(request) {
                    group.addTask {
                        var seen = 0
                        if stop == 6 { generation.cancel() }
                        for try await _ in generation {
                            if seen == stop { break }
                            seen += 1
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        while scheduler.status.running > 0 || scheduler.status.waiting > 0 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(try await engine.hasAllPages())
    }

    @Test("biases and log probabilities")
    func biases() async throws {
        let engine = try Engine(path: Golden.families[0], options: Self.options("cpu"))
        let session = engine.makeSession()
        try session.append([1, 2, 3])
        let rows = try LogProbabilities(session.logits, position: 3)
        var options = GenerationOptions(sampling: .greedy, maxTokens: 1, ignoreEndOfText: true, logProbabilities: 2)
        options.sampling.logitBias = [7: 1000]
        var events: [GenerationEvent] = []
        for try await event in try Scheduler(engine).submit(GenerationRequest(.tokens([1, 2, 3]), options: options))[0] {
            events.append(event)
        }
        guard
            case .logProbabilities(let chosen, let mostLikely)? = events.first(where: {
                if case .logProbabilities = $0 { true } else { false }
            })
        else {
            Issue.record("no log probabilities")
            return
        }
        // The model's own, whatever was added for the choice.
        #expect(chosen.token == 7 && chosen.logProbability == rows(7))
        #expect(mostLikely.map { Int($0.token) }.first == rows.best && mostLikely.count == 2)
        expectError(.invalidArgument, "0 to 128 are possible") {
            try Scheduler(engine).submit(GenerationRequest(.tokens([1]), options: GenerationOptions(logProbabilities: 129)))
        }
    }
}
