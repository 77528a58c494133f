import HadalCore

/// Runs a generation step by step on its engine's thread, and waits for each step without a thread.
///
/// `next` is called by one task at a time; what lies here is touched on the engine's thread only while that task waits for it.
final class GenerationDriver: @unchecked Sendable {
    private let engine: Engine
    private let start: @Sendable () throws -> any SteppedGeneration
    private var generation: (any SteppedGeneration)?
    /// Events that were not asked for yet.
    private var events: ArraySlice<GenerationEvent> = []
    private var isOver = false

    init(_ engine: Engine, start: @escaping @Sendable () throws -> any SteppedGeneration) {
        self.engine = engine
        self.start = start
    }

    deinit { if !isOver { generation?.leave() } }

    var reply: ChatReply {
        get throws {
            guard let generation else { throw HadalError(.cancelled, "the generation has not begun") }
            return generation.reply
        }
    }

    func next() async throws -> GenerationEvent? {
        while events.isEmpty {
            guard !isOver else { return nil }
            do {
                try await step()
            } catch {
                isOver = true
                throw error
            }
        }
        return events.removeFirst()
    }

    private func step() async throws {
        guard let generation else {
            generation = try await engine.thread.run { [start] in Started(generation: try start()) }.generation
            return
        }
        // A cancellation of before the generation began is not seen by its session.
        if Task.isCancelled { generation.stop() }
        let session = generation.session
        let next = try await withTaskCancellationHandler {
            try await engine.thread.run { [self] in try self.generation?.advance() }
        } onCancel: {
            session.cancel()
        }
        events = next?[...] ?? []
        isOver = next == nil
    }

    /// Hands a generation from the thread that makes it to the one that waits for it.
    private struct Started: @unchecked Sendable { let generation: any SteppedGeneration }
}
