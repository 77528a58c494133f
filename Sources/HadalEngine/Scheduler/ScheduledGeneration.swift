import HadalCore
import Synchronization

/// One answer of a request that a scheduler runs: its events as they come.
///
/// The generation goes on whether or not its events are asked for. It ends early when the sequence is let go, when the task that waits for
/// an event is cancelled, or by `cancel`. One task iterates, once; `cancel` may come from any.
public struct ScheduledGeneration: AsyncSequence, Sendable {
    public typealias Element = GenerationEvent

    private let events: AsyncThrowingStream<GenerationEvent, any Error>
    let choice: ScheduledChoice

    init(_ choice: ScheduledChoice, _ events: AsyncThrowingStream<GenerationEvent, any Error>) {
        self.choice = choice
        self.events = events
    }

    public func makeAsyncIterator() -> AsyncThrowingStream<GenerationEvent, any Error>.AsyncIterator { events.makeAsyncIterator() }

    /// Ends the generation after the current step; what came until then is kept, and its summary says `cancelled`.
    public func cancel() { choice.stopFlag.set() }

    /// Waits for the end.
    ///
    /// - Throws: what the events throw; `cancelled` where the request was given up before its answer began.
    public func reply() async throws -> ChatReply {
        for try await _ in events {}
        guard let reply = choice.reply else { throw HadalError(.cancelled, "the request was given up") }
        return reply
    }
}
