import HadalCore
import Synchronization

/// One answer of a request, from its arrival to its end.
///
/// What is not behind a lock or a flag is touched on the engine's thread alone.
final class ScheduledChoice: @unchecked Sendable {
    let index: Int
    /// Somebody asks for the end, and wants what came until then.
    let stop = CancelFlag()
    /// Nobody waits for the events any more.
    let isAbandoned = CancelFlag()
    private let events: AsyncThrowingStream<GenerationEvent, any Error>.Continuation
    private let result = Mutex<ChatReply?>(nil)

    var run: GenerationRun?
    /// What the generation waits for.
    var part: StepPart?
    private(set) var isOver = false

    init(index: Int, _ events: AsyncThrowingStream<GenerationEvent, any Error>.Continuation) {
        self.index = index
        self.events = events
        events.onTermination = { [isAbandoned] reason in if case .cancelled = reason { isAbandoned.set() } }
    }

    var reply: ChatReply? { result.withLock { $0 } }

    /// Goes on until the generation waits for a step or is over.
    func proceed() {
        while part == nil, !isOver {
            guard let run else { return }
            do {
                switch try run.proceed() {
                case .events(let events): for event in events { self.events.yield(event) }
                case .step(let part): self.part = part
                case .over: end(run.reply)
                }
            } catch { fail(error) }
        }
    }

    /// Ends it before its answer began.
    func endUnanswered(_ reason: GenerationSummary.Reason, promptTokens: Int) {
        let summary = GenerationSummary(reason: reason, generatedTokens: 0, seconds: 0, seed: run?.seed ?? 0)
        run?.abandon()
        events.yield(.finished(summary))
        end(ChatReply(promptTokens: promptTokens, reusedTokens: 0, prefillSeconds: 0, summary: summary))
    }

    func fail(_ error: any Error) {
        guard !isOver else { return }
        run?.abandon()
        leave()
        events.finish(throwing: error)
    }

    private func end(_ reply: ChatReply) {
        result.withLock { $0 = reply }
        leave()
        events.finish()
    }

    /// Lets go of the session, whose pages go back.
    private func leave() {
        isOver = true
        (run, part) = (nil, nil)
    }
}
