import HadalCore
import Synchronization

/// One answer of a request, from its arrival to its end.
///
/// What is not behind a lock or a flag is touched on the engine's thread alone.
final class ScheduledChoice: @unchecked Sendable {
    let index: Int
    /// Somebody asks for the end, and wants what came until then.
    let stopFlag = CancelFlag()
    /// Nobody waits for the events any more.
    let isAbandoned = CancelFlag()
    private let events: AsyncThrowingStream<GenerationEvent, any Error>.Continuation
    private let result = Mutex<ChatReply?>(nil)

    private(set) var run: GenerationRun?
    /// What the generation waits for, or its replay.
    private(set) var part: StepPart?
    private(set) var isOver = false
    /// Its pages were needed by others: it waits until there are enough again.
    private(set) var isSuspended = false
    /// What the session goes through again after that.
    private var replay: Replay?
    private var log = StepLog()

    init(index: Int, _ events: AsyncThrowingStream<GenerationEvent, any Error>.Continuation) {
        self.index = index
        self.events = events
        events.onTermination = { [isAbandoned] reason in if case .cancelled = reason { isAbandoned.set() } }
    }

    var reply: ChatReply? { result.withLock { $0 } }

    /// Goes on until the generation waits for a step or is over.
    func proceed() {
        while part == nil, !isOver, !isSuspended {
            guard let run else { return }
            if let replay {
                part = replay.next(run.session, log)
                if part == nil { (part, self.replay) = (replay.waiting, nil) }
                continue
            }
            do {
                switch try run.proceed() {
                case .events(let events): for event in events { self.events.yield(event) }
                case .restored(let event):
                    self.events.yield(event)
                    return
                case .step(let part): self.part = part
                case .over: end(run.reply)
                }
            } catch { fail(error) }
        }
    }

    /// The step that it waited for has run. Within `Engine.state`.
    func accept(_ part: StepPart, logits: UnsafePointer<Float>) {
        guard let run else { return }
        if replay != nil {
            run.session.count += part.count
        } else {
            log.note(part.count, after: run.session.count, chunk: run.session.engine.promptChunk)
            run.accept(part, logits: logits)
        }
    }

    /// It need not wait any more: for the step that has run, or because it failed, or may find what it was to compute.
    func clearPart() { part = nil }

    /// Gives its pages to others. What it held is computed again, in steps like those of before, unless its blocks are still there.
    func suspend() {
        guard let run, !isSuspended else { return }
        isSuspended = true
        if replay == nil, !run.isPrefilling { replay = Replay(length: run.session.count, waiting: part) }
        part = nil
        run.session.giveUpPages()
    }

    func resume() {
        isSuspended = false
        guard let session = run?.session, let chain = session.chain, replay != nil else { return }
        _ = session.takeBlocks(of: chain, most: chain.keys.count) { log.canResume(at: $0) }
    }

    /// Whether its next step is one of its prompt, or of what it computes again.
    var isPrefilling: Bool { replay != nil || run?.isPrefilling ?? false }

    /// Ends it with what it has.
    func stop(_ reason: GenerationSummary.Reason) {
        guard let run else { return }
        run.stop(reason)
        guard isSuspended || replay != nil else { return }
        (isSuspended, replay, part) = (false, nil, nil)
        do { try run.fail(HadalError(.cancelled, "the answer was given up")) } catch { fail(error) }
    }

    /// Begins like another of the same request, whose prompt it has.
    func begin(_ run: GenerationRun, like other: ScheduledChoice?) {
        self.run = run
        if let other { log = other.log }
    }

    /// Pages that it needs, beyond those that it has, to hold what it held, its prompt, and a token more.
    func pagesNeeded(promptTokens: Int) -> Int {
        guard let session = run?.session, !isOver else { return 0 }
        let length = max(replay?.length ?? session.count, promptTokens)
        return max(0, length / session.engine.pageTokens + 1 - session.pages.count)
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
        (run, part, replay) = (nil, nil, nil)
    }
}
