import Foundation
import HadalArchitecture
import HadalCore
import Synchronization
import TestSupport
import Testing

@testable import HadalEngine

/// Sessions of a model with a state that cannot be cut at any token.
@Suite("Snapshots of sessions' states")
struct SnapshotStatesTests {
    private static func engine(slots: Int = 60, context: Int = 1200, cache: Int = 6000, directory: String? = nil) throws -> (
        Engine, HashStates
    ) {
        var options = Golden.options("cpu")
        (options.contextLength, options.cacheTokens, options.cacheDirectory) = (context, cache, directory)
        let engine = try Engine(path: Golden.families[0], options: options), states = HashStates(slots: slots)
        engine.keepSnapshots(of: states, slots: slots)
        return (engine, states)
    }

    private static func ids(_ count: Int, seed: UInt64) -> [Int32] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in Int32.random(in: 0..<200, using: &random) }
    }

    private static func options(_ tokens: Int) -> GenerationOptions {
        GenerationOptions(sampling: .greedy, maxTokens: tokens, ignoreEndOfText: true, logProbabilities: 3)
    }

    private static func complete(_ session: Session, _ ids: [Int32], tokens: Int = 3) throws -> ChatReply {
        let run = try GenerationRun(session, from: .text(ids), options: options(tokens))
        try run.drive { _ in .continue }
        return run.reply
    }

    private static func submit(
        _ scheduler: Scheduler, _ ids: [Int32], tokens: Int = 3, choices: Int = 1, salt: String = ""
    ) async throws -> [(outcome: ScheduledOutcome, reply: ChatReply)] {
        let request = GenerationRequest(.tokens(ids), options: options(tokens), choices: choices, salt: salt)
        var results: [(ScheduledOutcome, ChatReply)] = []
        for generation in try scheduler.submit(request) {
            results.append((try await ScheduledOutcome(generation), try #require(generation.choice.reply)))
        }
        return results
    }

    @Test("a prompt goes on from the last block end of one that begins like it, and gets the bits that it gets without")
    func prompts() async throws {
        let (engine, states) = try Self.engine()
        let scheduler = Scheduler(engine), common = Self.ids(500, seed: 1)
        var reused: [Int] = []
        for index in 0..<4 {
            let prompt = common + Self.ids(200 + index, seed: UInt64(10 + index))
            let alone = try await Self.submit(scheduler, prompt, choices: 2, salt: "\(index)")
            let shared = try await Self.submit(scheduler, prompt, choices: 2)
            #expect(shared.map(\.outcome) == alone.map(\.outcome) && alone[0].reply.reusedTokens == 0)
            reused.append(shared[0].reply.reusedTokens)
        }
        // The second prompt finds a snapshot some blocks before the point where it differs, and leaves one there.
        #expect(reused == [0, 384, 448, 448] && states.mistakes == 0 && states.restored > 0)
        // At 2, 4 and 8 blocks before the end, at the end, and where it differs.
        #expect(states.saved <= 8 * 5)
    }

    @Test("the next turn goes on from the answer, or from the prompt where the answer is dropped")
    func turns() async throws {
        let (engine, states) = try Self.engine()
        let scheduler = Scheduler(engine)
        var history = Self.ids(300, seed: 2)
        for turn in 0..<5 {
            let result = try await Self.submit(scheduler, history, tokens: 90)[0]
            // All but less than a block before what is new, which are 20 tokens.
            if turn > 0 { #expect(result.reply.promptTokens < 20 + engine.pageTokens, "turn \(turn)") }
            if turn % 2 == 0 { history += result.outcome.tokens }
            history += Self.ids(20, seed: UInt64(20 + turn))
        }
        #expect(states.mistakes == 0)
    }

    @Test("a session whose tokens are cut goes on from a snapshot of its own, and forks have its state")
    func cuts() throws {
        let (engine, states) = try Self.engine()
        let session = engine.makeSession(), ids = Self.ids(400, seed: 3)
        _ = try Self.complete(session, ids, tokens: 100)
        states.check(session)
        // 256 is the last block end with a snapshot before the cut.
        let changed = Array(ids.prefix(350)) + Self.ids(60, seed: 4)
        let reply = try Self.complete(session, changed)
        #expect(reply.reusedTokens == 256 && reply.promptTokens == 410 - 256)
        let fork = session.fork()
        for session in [session, fork] { states.check(session) }
        try fork.rollBack(to: 390)
        #expect(fork.lacksState && fork.count == 390)
        try fork.append([1, 2, 3])
        #expect(!fork.lacksState && fork.count == 393 && fork.tokens == changed.prefix(390) + [1, 2, 3])
        let alone = engine.makeSession(salt: "other")
        try alone.append(fork.tokens)
        // The few tokens after the snapshot were computed in another way than many are.
        #expect(zip(fork.logits, alone.logits).allSatisfy { abs($0 - $1) < 1e-3 })
        try session.rollBack(to: 100)
        try engine.step([(session, 7), (fork, 8)])
        for session in [session, fork, alone] { states.check(session) }
        #expect(session.tokens == changed.prefix(100) + [7] && states.mistakes == 0)
    }

    @Test("answers that give their pages up get what they get alone")
    func suspensions() async throws {
        let (roomy, _) = try Self.engine(context: 320)
        let prompts = [130, 9, 20].enumerated().map { Self.ids($1, seed: UInt64($0)) }
        var alone: [ScheduledOutcome] = []
        for (index, prompt) in prompts.enumerated() {
            alone += try await Self.submit(Scheduler(roomy), prompt, tokens: 180, salt: "\(index)").map(\.outcome)
        }
        let (engine, states) = try Self.engine(context: 320, cache: 512)
        let scheduler = Scheduler(engine)
        let generations = try prompts.enumerated().flatMap { index, prompt in
            try scheduler.submit(GenerationRequest(.tokens(prompt), options: Self.options(180), salt: "\(index)"))
        }
        let together = try await ScheduledOutcome.all(generations)
        #expect(scheduler.status.suspensions > 0 && together == alone && states.mistakes == 0)
        #expect(try await engine.hasAllPages())
    }

    @Test("without slots all is computed and nothing is wrong")
    func withoutSlots() async throws {
        let (engine, states) = try Self.engine(slots: 0)
        let scheduler = Scheduler(engine), prompt = Self.ids(300, seed: 5)
        let results = [try await Self.submit(scheduler, prompt)[0], try await Self.submit(scheduler, prompt)[0]]
        #expect(results[0].outcome == results[1].outcome && results.allSatisfy { $0.reply.promptTokens == 300 })
        #expect(states.mistakes == 0 && states.restored == 0 && states.saved == 0)
    }

    @Test("snapshots at the ends of prompts and answers outlive the engine")
    func disk() async throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let prompt = Self.ids(1000, seed: 6)
        let (first, _) = try Self.engine(directory: "\(folder)/cache")
        let wanted = try await Self.submit(Scheduler(first), prompt, tokens: 90)[0]
        first.saveCache()
        let (second, states) = try Self.engine(directory: "\(folder)/cache")
        let found = try await Self.submit(Scheduler(second), prompt, tokens: 90)[0]
        #expect(found.outcome == wanted.outcome && found.reply.reusedTokens == 960 && states.restored == 1)
        let (third, others) = try Self.engine(directory: "\(folder)/cache")
        let next = try await Self.submit(Scheduler(third), prompt + wanted.outcome.tokens + Self.ids(30, seed: 8))[0]
        #expect(next.reply.reusedTokens == 1088)
        // A prompt that differs from it before its end finds no snapshot on disk.
        let other = try await Self.submit(Scheduler(second), Array(prompt.prefix(300)) + Self.ids(300, seed: 7))[0]
        #expect(other.reply.reusedTokens == 0 && states.mistakes == 0 && others.mistakes == 0)
    }
}
