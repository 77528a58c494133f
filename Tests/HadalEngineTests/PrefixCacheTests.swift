import HadalArchitecture
import HadalCore
import Synchronization
import TestSupport
import Testing

@testable import HadalEngine

/// Blocks of state that outlive their sessions, and sessions that give theirs up for others.
@Suite("Prefix cache")
struct PrefixCacheTests {
    private static func options(_ backend: String, context: Int = 400, cache: Int = 4096) -> EngineOptions {
        var options = Golden.options(backend)
        options.contextLength = context
        options.cacheTokens = cache
        return options
    }

    /// Every family on cpu, and a few on the slow reference.
    private static var cases: [(String, String)] {
        let few = ["llama", "gemma3_text", "phi3_longrope", "deepseek_v2_lite"]
        return Golden.cases.filter { path, backend in backend == "cpu" || few.contains { path.hasSuffix("/\($0)") } }
    }

    private static func ids(_ count: Int, _ vocabulary: Int, seed: UInt64) -> [Int32] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in Int32.random(in: 0..<Int32(vocabulary), using: &random) }
    }

    private static func request(
        _ ids: [Int32], tokens: Int = 6, choices: Int = 1, seed: UInt64? = nil, salt: String = ""
    ) -> GenerationRequest {
        var options = GenerationOptions(maxTokens: tokens, ignoreEndOfText: true, logProbabilities: 3)
        options.sampling = seed.map { SamplingOptions(temperature: 1.5, topK: 0, topP: 1, seed: $0) } ?? .greedy
        return GenerationRequest(.tokens(ids), options: options, choices: choices, salt: salt)
    }

    /// Tokens of prompts that a scheduler computes for a request.
    private static func computed(_ scheduler: Scheduler, _ request: GenerationRequest) async throws -> (tokens: Int, [ScheduledOutcome]) {
        let before = scheduler.status.prefillTokens
        let outcomes = try await ScheduledOutcome.all(scheduler.submit(request))
        return (scheduler.status.prefillTokens - before, outcomes)
    }

    @Test("what a request finds changes none of its bits, and only the rest is computed", arguments: cases)
    func families(_ path: String, _ backend: String) async throws {
        let engine = try Engine(path: path, options: Self.options(backend))
        guard engine.plan.description.graph.contextLength >= 260, engine.contextLength >= 260 else { return }
        let common = Self.ids(200, engine.vocabularySize, seed: 1)
        let prompts = [20, 9, 40].enumerated().map { common + Self.ids($1, engine.vocabularySize, seed: UInt64(7 + $0)) }
        let scheduler = Scheduler(engine)
        for (index, prompt) in prompts.enumerated() {
            // Without anything to find.
            let salt = "\(index)"
            let alone = try await Self.computed(scheduler, Self.request(prompt, choices: 2, seed: 3, salt: salt))
            #expect(alone.tokens == prompt.count)
            let shared = try await Self.computed(scheduler, Self.request(prompt, choices: 2, seed: 3))
            #expect(shared.1 == alone.1, "\(path) \(backend) \(index)")
            if index > 0 { #expect(shared.tokens <= prompt.count - 200 + engine.pageTokens, "\(shared.tokens) of \(prompt.count)") }
        }
        #expect(try await engine.hasAllPages())
    }

    @Test("of requests that come at once, one computes what they share", arguments: ["cpu", "reference"])
    func together(_ backend: String) async throws {
        let engine = try Engine(path: Golden.families[0], options: Self.options(backend))
        let common = Self.ids(256, engine.vocabularySize, seed: 1)
        let requests = (0..<4).map { Self.request(common + Self.ids(20 + $0, engine.vocabularySize, seed: UInt64(9 + $0))) }
        var alone: [ScheduledOutcome] = []
        for (index, request) in requests.enumerated() {
            var request = request
            request.salt = "\(index)"
            alone += try await Self.computed(Scheduler(engine), request).1
        }
        let scheduler = Scheduler(engine)
        let together = try await ScheduledOutcome.all(requests.flatMap { try scheduler.submit($0) })
        #expect(together == alone)
        #expect(scheduler.status.prefillTokens <= 256 + 4 * 24)
        // Those of others see nothing of it.
        let other = try await Self.computed(scheduler, Self.request(common + [1], salt: "other"))
        #expect(other.tokens == 257)
    }

    @Test("a turn computes what follows the first token that differs, and at most a block more")
    func turns() async throws {
        let engine = try Engine(path: Golden.families[0], options: Self.options("cpu", context: 1000))
        let scheduler = Scheduler(engine)
        var history = Self.ids(150, engine.vocabularySize, seed: 2), random = SeededGenerator(seed: 3)
        var held: [Int32] = []
        for turn in 0..<6 {
            let same = zip(history, held).prefix { $0 == $1 }.count
            let (computed, outcomes) = try await Self.computed(scheduler, Self.request(history, tokens: 30))
            #expect(turn == 0 || same >= 150)
            #expect(computed <= history.count - same + engine.pageTokens, "turn \(turn)")
            held = history + outcomes[0].tokens
            // A template that drops some of what was thought.
            history = Array(held.dropLast(Int.random(in: 0...20, using: &random))) + Self.ids(25, engine.vocabularySize, seed: UInt64(turn))
        }
    }

    @Test("sessions share as requests do, and one with logits alone shares nothing")
    func sessions() throws {
        let engine = try Engine(path: Golden.families[0], options: Self.options("cpu"))
        let ids = Self.ids(200, engine.vocabularySize, seed: 4)
        let options = GenerationOptions(sampling: .greedy, maxTokens: 3, ignoreEndOfText: true)
        func complete(_ session: Session) throws -> ChatReply {
            let run = try GenerationRun(session, from: .text(ids), options: options)
            try run.drive { _ in .continue }
            return run.reply
        }
        try engine.makeSession().append(ids)
        let first = try complete(engine.makeSession())
        #expect(first.promptTokens == 200 && first.reusedTokens == 0)
        let second = try complete(engine.makeSession())
        #expect(second.promptTokens <= 8 + engine.pageTokens && second.reusedTokens == 200 - second.promptTokens)
        #expect(second.tokens == first.tokens)
        #expect(try complete(engine.makeSession(salt: "other")).reusedTokens == 0)
    }

    @Test("requests that need more than the cache give way to the older ones, and get what they get alone", arguments: cases)
    func suspensions(_ path: String, _ backend: String) async throws {
        let options = Self.options(backend, context: 320, cache: 512)
        let roomy = try Engine(path: path, options: Self.options(backend, context: 320))
        guard roomy.plan.description.graph.contextLength >= 320 else { return }
        let lengths = [130, 9, 20, 9], seeds: [UInt64?] = [nil, 1, nil, 3], choices = [1, 1, 1, 2]
        let requests = lengths.indices.map { (index: Int) -> GenerationRequest in
            let ids = Self.ids(lengths[index], roomy.vocabularySize, seed: UInt64(index))
            return Self.request(ids, tokens: 180, choices: choices[index], seed: seeds[index], salt: "\(index)")
        }
        var alone: [ScheduledOutcome] = []
        for request in requests { alone += try await ScheduledOutcome.all(Scheduler(roomy).submit(request)) }
        let engine = try Engine(path: path, options: options)
        let scheduler = Scheduler(engine)
        let together = try await ScheduledOutcome.all(requests.flatMap { try scheduler.submit($0) })
        #expect(scheduler.status.suspensions > 0)
        #expect(together == alone, "\(path) \(backend)")
        #expect(try await engine.hasAllPages())
    }

    @Test("an answer that waits for pages can be ended")
    func endings() async throws {
        let engine = try Engine(path: Golden.families[0], options: Self.options("cpu", context: 320, cache: 384))
        let scheduler = Scheduler(engine)
        let long = try scheduler.submit(Self.request(Self.ids(60, engine.vocabularySize, seed: 1), tokens: 250))[0]
        let short = try scheduler.submit(Self.request(Self.ids(60, engine.vocabularySize, seed: 2), tokens: 250))[0]
        let cancelled = Mutex(false)
        @Sendable func watch() {
            engine.thread.submit {
                if short.choice.isSuspended { short.cancel(); cancelled.withLock { $0 = true } } else if !short.choice.isOver { watch() }
            }
        }
        watch()
        let reply = try await short.reply()
        #expect(cancelled.withLock { $0 })
        #expect(reply.summary.reason == .cancelled && !reply.tokens.isEmpty)
        #expect(try await long.reply().tokens.count == 250)
        #expect(try await engine.hasAllPages())
    }
}
