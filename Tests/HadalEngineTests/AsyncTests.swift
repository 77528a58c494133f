import Dispatch
import Foundation
import HadalCore
@testable import HadalEngine
import Synchronization
import TestSupport
import Testing

/// Calls that wait without a thread: which threads they leave alone, and what is left when they are cancelled or left early.
@Suite("Asynchronous calls")
struct AsyncTests {
    private func engine(thinksForever: Bool = false) throws -> Engine {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try ScriptedModel.thinker(thinksForever: thinksForever).write(to: "\(folder)/model.gguf")
        return try Engine(path: "\(folder)/model.gguf", options: Golden.options("reference"))
    }

    private let greedy = GenerationOptions(sampling: .greedy)

    /// Lets no step of an engine run until it is opened. A thread that nobody opens gives up, so that a fault is a failure and not a hang.
    private final class Gate: Sendable {
        private let opened = DispatchSemaphore(value: 0)
        private let hasGivenUp = Atomic(false)

        init(_ engine: Engine) async {
            await withCheckedContinuation { continuation in
                Thread {
                    engine.state.withLock { _ in
                        continuation.resume()
                        if self.opened.wait(timeout: .now() + 1800) == .timedOut { self.hasGivenUp.store(true, ordering: .relaxed) }
                    }
                }.start()
            }
        }

        /// - Returns: whether it was still closed.
        func open() -> Bool {
            opened.signal()
            return !hasGivenUp.load(ordering: .relaxed)
        }
    }

    @Test("more conversations than the pool has threads wait for the device, and another task runs all the same")
    func pool() async throws {
        let engine = try engine()
        let gate = await Gate(engine)
        let count = 4 * ProcessInfo.processInfo.activeProcessorCount
        // Each conversation needs the device, which is not to be had before the last task has run.
        let asking = (0..<count).map { _ in Task { try await Conversation(engine: engine).ask("Where?", options: greedy).answer } }
        let wasClosed = await Task { gate.open() }.value
        #expect(wasClosed)
        for task in asking { #expect(try await task.value == "Paris.") }
    }

    @Test("a session that ends while a step runs waits for nothing")
    func sessionEnds() async throws {
        let engine = try engine()
        var session: Session? = engine.makeSession()
        try session?.append([1, 2, 3])
        let free = engine.state.withLock { $0.pool.freeCount }
        let gate = await Gate(engine)
        session = nil
        #expect(gate.open())
        // What it held is given back by the engine's thread, whose jobs take turns.
        try await engine.perform {}
        #expect(engine.state.withLock { $0.pool.freeCount } == free + 1)
    }

    @Test("several streams are read in turn")
    func turns() async throws {
        let engine = try engine()
        let prompt = try engine.chatPrompt(ChatRequest(messages: [.user("Where?")]))
        var streams = (0..<3).map { _ in engine.makeSession().replies(to: prompt, options: greedy).makeAsyncIterator() }
        var answers = ["", "", ""]
        var running = Set(0..<3)
        while !running.isEmpty {
            for index in running.sorted() {
                guard let event = try await streams[index].next() else { running.remove(index); continue }
                if case .text(let text) = event { answers[index] += text }
            }
        }
        #expect(answers == ["Paris.", "Paris.", "Paris."])
    }

    @Test("a cancelled task ends its reply after the step, and the conversation goes on")
    func cancelled() async throws {
        let engine = try engine(thinksForever: true)
        let conversation = Conversation(engine: engine)
        let task = Task {
            var tokens = 0
            var last: GenerationSummary?
            for try await event in conversation.stream("Where?", options: greedy) {
                if case .token = event { tokens += 1 }
                if tokens == 5 { withUnsafeCurrentTask { $0?.cancel() } }
                if case .finished(let summary) = event { last = summary }
            }
            return (tokens, last)
        }
        let (tokens, summary) = try await task.value
        #expect(tokens == 5 && summary?.reason == .cancelled && summary?.generatedTokens == 5)
        #expect(conversation.messages.map(\.role) == [.user, .assistant])
        #expect(conversation.messages.last?.reasoning?.hasPrefix("hmm, yes and") == true)
        conversation.request.reasoningBudget = 2
        #expect(try await conversation.ask("And now?", options: greedy).answer == "Paris.")
        #expect(conversation.session.hasLogits)
    }

    @Test("a task that was cancelled before its prompt was processed leaves the conversation as it was")
    func cancelledAtOnce() async throws {
        let conversation = Conversation(engine: try engine())
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await conversation.ask("Where?", options: greedy)
        }
        await #expect { try await task.value } throws: { ($0 as? HadalError)?.code == .cancelled }
        #expect(conversation.messages.isEmpty)
        #expect(try await conversation.ask("Where?", options: greedy).answer == "Paris.")
    }

    @Test("a stream that is left early keeps what came, and its session is free at once")
    func leftEarly() async throws {
        let engine = try engine()
        let conversation = Conversation(engine: engine)
        let stream = conversation.stream("Where?", options: greedy)
        for try await event in stream {
            if case .text = event { break }
        }
        #expect(conversation.messages.map(\.content) == ["Where?", "Paris"])
        #expect(try await conversation.ask("And now?", options: greedy).answer == "Paris.")
        #expect(conversation.messages.count == 4)
        // A stream is a question each time that it is iterated.
        for try await _ in stream {}
        #expect(conversation.messages.map(\.content) == ["Where?", "Paris", "And now?", "Paris.", "Where?", "Paris."])
    }

    @Test("one turn at a time")
    func oneTurn() async throws {
        let conversation = Conversation(engine: try engine())
        var events = conversation.stream("Where?", options: greedy).makeAsyncIterator()
        _ = try await events.next()
        await #expect { try await conversation.ask("And?", options: greedy) } throws: { ($0 as? HadalError)?.code == .invalidArgument }
        while try await events.next() != nil {}
        #expect(conversation.messages.map(\.content) == ["Where?", "Paris."])
        #expect(try await conversation.ask("And?", options: greedy).answer == "Paris.")
    }

    @Test("a failure in a stream leaves the conversation as it was")
    func failure() async throws {
        let conversation = Conversation(engine: try engine())
        conversation.request.reasoningBudget = -1
        await #expect { try await conversation.ask("Where?") } throws: { ($0 as? HadalError)?.code == .invalidArgument }
        #expect(conversation.messages.isEmpty)
        conversation.request.reasoningBudget = nil
        #expect(try await conversation.ask("Where?", options: greedy).answer == "Paris.")
    }

    @Test("loading waits without a thread, and tells how far it is")
    func load() async throws {
        let told = Mutex<[LoadProgress]>([])
        let engine = try await Engine.load(Fixtures.path("models/llama"), options: Golden.options("reference")) { progress in
            told.withLock { $0.append(progress) }
        }
        #expect(engine.vocabularySize == 384)
        #expect(told.withLock { $0.count > 2 && $0.last?.fraction == 1 })
        await #expect { try await Engine.load("/nowhere.gguf") } throws: { ($0 as? HadalError)?.code == .notFound }
    }

    @Test("loading that is cancelled ends where it stands", arguments: [false, true])
    func cancelledLoad(whileReading: Bool) async throws {
        let loading = Mutex<Task<Engine, any Error>?>(nil)
        let told = Atomic(0)
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            for await _ in begun { break }
            return try await Engine.load(Fixtures.path("models/llama"), options: Golden.options("reference")) { _ in
                told.add(1, ordering: .relaxed)
                loading.withLock { $0?.cancel() }
            }
        }
        if whileReading { loading.withLock { $0 = task } } else { task.cancel() }
        begin.yield()
        await #expect { try await task.value } throws: { ($0 as? HadalError)?.code == .cancelled }
        #expect(told.load(ordering: .relaxed) == (whileReading ? 1 : 0))
    }
}
