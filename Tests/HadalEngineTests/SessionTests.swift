import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalEngine

@Suite("Sessions")
struct SessionTests {
    let path = Fixtures.path("models/llama")
    static let backends = ["reference", "cpu"]

    private func engine(_ backend: String, _ change: (inout EngineOptions) -> Void = { _ in }) throws -> Engine {
        var options = Golden.options(backend)
        change(&options)
        return try Engine(path: path, options: options)
    }

    private func prompt(_ count: Int, seed: UInt64 = 7) -> [Int32] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in Int32.random(in: 0..<384, using: &random) }
    }

    private func distance(_ a: Session, _ b: Session) -> Float { zip(a.logits, b.logits).map { abs($0 - $1) }.max() ?? .infinity }

    @Test("chunked prefill equals one step", arguments: backends)
    func chunks(_ backend: String) throws {
        let ids = prompt(150)
        let whole = try engine(backend).makeSession()
        try whole.append(ids)
        let chunked = try engine(backend) { $0.batchTokens = 7 }.makeSession()
        try chunked.append(ids)
        #expect(distance(whole, chunked) < 1e-4)
    }

    @Test("rolling back and going on equals never having gone there", arguments: backends)
    func rollback(_ backend: String) throws {
        let engine = try engine(backend)
        let ids = prompt(100)
        let straight = engine.makeSession()
        try straight.append(ids)
        let session = engine.makeSession()
        try session.append(Array(ids[..<70]) + prompt(40, seed: 9))
        try session.rollBack(to: 70)
        #expect(session.count == 70 && !session.hasLogits)
        try session.append(Array(ids[70...]))
        #expect(distance(straight, session) < 1e-4)
        expectError(.invalidArgument, "101") { try session.rollBack(to: 101) }
    }

    @Test("forks share a prefix and do not disturb each other", arguments: backends)
    func forks(_ backend: String) throws {
        let engine = try engine(backend)
        let ids = prompt(70)
        let a = engine.makeSession()
        try a.append(ids)
        let b = a.fork()
        #expect(b.tokens == ids && b.hasLogits && distance(a, b) == 0)
        // Both write to the page they share.
        try a.append([1, 2, 3])
        try b.append([9])
        try a.append([4])
        try b.append([8, 7])
        let (freshA, freshB) = (engine.makeSession(), engine.makeSession())
        try freshA.append(ids + [1, 2, 3, 4])
        try freshB.append(ids + [9, 8, 7])
        #expect(distance(a, freshA) < 1e-4)
        #expect(distance(b, freshB) < 1e-4)
    }

    @Test("sessions decoded together equal sessions decoded alone", arguments: backends)
    func batch(_ backend: String) throws {
        let engine = try engine(backend)
        let prompts = [prompt(5), prompt(66, seed: 2), prompt(1, seed: 3)]
        let together = prompts.map { _ in engine.makeSession() }
        let alone = prompts.map { _ in engine.makeSession() }
        for (i, ids) in prompts.enumerated() {
            try together[i].append(ids)
            try alone[i].append(ids)
        }
        for token: Int32 in [3, 200] {
            try engine.step(together.map { ($0, token) })
            for session in alone { try session.append([token]) }
        }
        for (a, b) in zip(together, alone) { #expect(distance(a, b) < 1e-3) }
    }

    @Test("a saved session goes on where it was", arguments: backends, [DType.f32, .f16, .q8_0])
    func saveAndLoad(_ backend: String, _ type: DType) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = "\(folder)/session.safetensors"
        let engine = try engine(backend) { $0.cacheDType = type }
        let session = engine.makeSession()
        try session.append(prompt(90))
        try session.save(to: file)
        let restored = try Session(contentsOf: file, engine: engine)
        #expect(restored.tokens == session.tokens)
        try session.append([5])
        try restored.append([5])
        #expect(distance(session, restored) == 0)
        // Another cache refuses it with the name of its own, another model, too, and so does a damaged file.
        let coarse = try self.engine(backend) { $0.cacheDType = .bf16 }
        expectError(.mismatch, "saved with a cache of type \(type.name), this one is BF16") {
            try Session(contentsOf: file, engine: coarse)
        }
        let other = try Engine(path: Fixtures.path("models/gemma3_text"), options: Golden.options(backend))
        #expect { try Session(contentsOf: file, engine: other) } throws: { ($0 as? HadalError)?.code == .mismatch }
        let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: file))
        expectError(.malformed) { try Session(contentsOf: file, engine: engine) }
    }

    @Test("a full context is an error that says so, and nothing is lost")
    func fullContext() throws {
        let session = try engine("reference") { $0.contextLength = 20 }.makeSession()
        try session.append(prompt(15))
        #expect { try session.append(prompt(6)) } throws: { ($0 as? HadalError)?.code == .contextFull }
        #expect(session.count == 15 && session.hasLogits)
        var options = GenerationOptions()
        options.sampling = .greedy
        options.ignoreEndOfText = true
        var ids = 0
        let summary = try session.generate(options) { event in
            if case .token = event { ids += 1 }
            return .continue
        }
        #expect(summary.reason == .contextFull)
        #expect(session.count == 20 && ids == 6)
    }

    @Test("ids outside the vocabulary are refused")
    func badToken() throws {
        let session = try engine("reference").makeSession()
        #expect { try session.append([384]) } throws: { ($0 as? HadalError)?.code == .invalidArgument }
        #expect { try session.append([-1]) } throws: { ($0 as? HadalError)?.code == .invalidArgument }
        #expect { try session.append([]) } throws: { ($0 as? HadalError)?.code == .invalidArgument }
        #expect(session.count == 0)
    }

    @Test("pages of ended sessions are used again")
    func pagesReturn() throws {
        let engine = try engine("reference") {
            $0.contextLength = 200
            $0.cacheTokens = 200
        }
        for _ in 0..<5 { try engine.makeSession().append(prompt(180)) }
    }

    @Test("cancelling ends an append with its own error", arguments: backends)
    func cancel(_ backend: String) throws {
        let engine = try engine(backend) { $0.batchTokens = 4 }
        let session = engine.makeSession()
        let isOver = CancelFlag()
        let thread = SystemThread(name: "canceller") {
            while !isOver.isSet {
                session.cancel()
                usleep(50)
            }
        }
        defer {
            isOver.set()
            thread?.join()
        }
        // The flag is cleared when an append starts, so keep trying until one is hit while it runs.
        var cancelled = false
        for _ in 0..<200 where !cancelled {
            do {
                try session.rollBack(to: 0)
                try session.append(prompt(400))
            } catch let error as HadalError {
                #expect(error.code == .cancelled)
                cancelled = true
            }
        }
        #expect(cancelled)
    }

    @Test("an append that is cancelled between two chunks keeps the first", arguments: backends)
    func cancelBetweenChunks(_ backend: String) throws {
        let session = try engine(backend) { $0.batchTokens = 8 }.makeSession()
        let error = #expect(throws: HadalError.self) {
            try session.append(prompt(20)) { _, _ in SystemThread(name: "canceller") { session.cancel() }?.join() }
        }
        #expect(error?.code == .cancelled && session.count == 8 && !session.hasLogits)
        // What came too early to be meant for the next append is forgotten.
        session.cancel()
        try session.append(prompt(4))
        #expect(session.count == 12 && session.hasLogits)
    }

    @Test("cancelling ends a generation, wherever it stands", arguments: backends)
    func cancelGeneration(_ backend: String) throws {
        let session = try engine(backend).makeSession()
        try session.append([1, 2, 3])
        var options = GenerationOptions()
        options.sampling = .greedy
        options.ignoreEndOfText = true
        var tokens = 0
        // Called between two steps, when no append is running.
        let summary = try session.generate(options) { event in
            if case .token = event { tokens += 1 }
            if tokens == 5 { session.cancel() }
            return .continue
        }
        #expect(summary.reason == .cancelled && tokens == 5)
        // The session goes on.
        try session.append([7])
        #expect(session.hasLogits)
    }

    @Test("the same seed gives the same tokens, another seed others", arguments: backends)
    func seeds(_ backend: String) throws {
        let engine = try engine(backend)
        func run(_ seed: UInt64) throws -> [Int32] {
            let session = engine.makeSession()
            try session.append(prompt(10))
            var options = GenerationOptions()
            options.sampling.seed = seed
            options.sampling.temperature = 1.5
            options.sampling.topK = 0
            options.maxTokens = 20
            options.ignoreEndOfText = true
            try session.generate(options) { _ in .continue }
            return session.tokens
        }
        let first = try run(1)
        #expect(try run(1) == first)
        #expect(try run(2) != first)
    }
}
