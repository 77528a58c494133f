import HadalCache
import HadalCore
import HadalText

/// A generation in steps: a caller may wait for each where it likes.
///
/// Not thread-safe: one thread at a time, as for its session.
final class GenerationRun: SteppedGeneration {
    /// What a generation starts from.
    enum Start {
        /// What the session holds.
        case session
        /// A text's tokens, continued as they are.
        case text([Int32])
        /// A prompt of a chat, answered.
        case chat(ChatPrompt)
    }

    /// Most times that reasoning over its budget is closed in one reply: a model may open it again and again.
    private static let mostClosings = 16

    let session: Session
    private let options: GenerationOptions
    private let chat: ChatPrompt?
    private let sampler: Sampler
    private let constraint: ReplyConstraint?
    /// The prompt, until the session holds it.
    private var prompt: Session.PromptFill?
    /// The line that closes reasoning over its budget, until the session holds it.
    private var closing: (ids: [Int32], pending: Session.PendingTokens)?
    private var assembler: TextAssembler
    private var generator: TokenGenerator?
    /// Of the session's tokens: those of before.
    private var promptLength = 0
    private var limit: Int?
    private var start = ContinuousClock.now
    private var isLive = true
    /// The line that closes reasoning was cancelled: only the summary is left to give.
    private var isCut = false
    private var isOver = false
    private var stopReason = GenerationSummary.Reason.cancelled
    /// Drafts that a step has room for.
    var mostDrafts = Int.max
    /// Where chunks of the prompt end: at multiples of this; nil: each is as long as a step may be.
    private let chunkTokens: Int?
    private var closings = 0
    /// What came until now; whole once `proceed` has returned `over`.
    private(set) var summary: GenerationSummary
    private var counts: (prompt: Int, reused: Int, prefillSeconds: Double) = (0, 0, 0)

    /// Forgets a `cancel()` of before.
    ///
    /// - Throws: `invalidArgument` for a setting out of range, for an empty prompt, and for a session without logits where no prompt
    ///   is given; `notFound` for a chat without a tokenizer.
    init(_ session: Session, from origin: Start, options: GenerationOptions, chunkTokens: Int? = nil) throws {
        try session.engine.requireLogits()
        self.session = session
        self.chunkTokens = chunkTokens
        self.options = options
        let tokenizer = session.engine.tokenizer
        switch origin {
        case .session:
            chat = nil
            assembler = TextAssembler(tokenizer, continuing: session.count > 0, stopStrings: options.stopStrings)
        case .text:
            chat = nil
            assembler = TextAssembler(tokenizer, continuing: true, stopStrings: options.stopStrings)
        case .chat(let prompt):
            chat = prompt
            assembler = TextAssembler(replyTo: prompt, try session.engine.requireTokenizer(), stopStrings: options.stopStrings)
        }
        try options.check()
        sampler = try Sampler(options: options.sampling, vocabulary: session.engine.vocabularySize)
        constraint = try ReplyConstraint(options, chat: chat, session.engine)
        summary = GenerationSummary(reason: .length, generatedTokens: 0, seconds: 0, seed: sampler.seed)
        session.clearCancellation()
        start = ContinuousClock.now
        switch origin {
        case .session: try begin()
        case .text(let ids): prompt = try session.fill(with: ids)
        case .chat(let chat): prompt = try session.fill(with: chat.ids)
        }
        try constraint?.active(assembler)?.beginMask()
    }

    func stop() { stop(.cancelled) }

    /// Asks for the end: what was chosen until then is kept.
    ///
    /// - Parameter reason: what the summary gives.
    func stop(_ reason: GenerationSummary.Reason) {
        isLive = false
        stopReason = reason
        generator?.stop()
    }

    func abandon() {
        generator?.end()
        isOver = true
    }

    func leave() {}

    func proceed() throws -> GenerationProgress {
        guard !isOver else { return .over }
        if session.hasNewBlocks { session.publish() }
        do {
            if let prompt { return try proceed(with: prompt) }
            if let closing { return try proceed(with: closing.ids, closing.pending) }
            if isCut { return .events(finish()) }
            let generator = try generator ?? makeGenerator()
            self.generator = generator
            generator.mostDrafts = mostDrafts
            generator.constraint = try constraint?.active(assembler)
            switch try generator.proceed() {
            case .token(let token): return .events(try take(token, from: generator))
            case .step(let part): return .step(part)
            case .over: return .events(try partEnded(generator.end()))
            }
        } catch {
            abandon()
            throw error
        }
    }

    func accept(_ part: StepPart, logits: UnsafePointer<Float>) {
        if let pending = prompt?.pending ?? closing?.pending {
            session.accept(part, of: pending, logits: logits)
        } else {
            generator?.accept(part, logits: logits)
        }
    }

    func fail(_ error: any Error) throws {
        do {
            if closing != nil, (error as? HadalError)?.code == .cancelled {
                // The tokens before the line stand.
                closing = nil
                isCut = true
            } else if let generator, prompt == nil {
                try generator.fail(error)
            } else {
                throw error
            }
        } catch {
            abandon()
            throw error
        }
    }

    /// What came of it, and what it took.
    var reply: ChatReply {
        var reply = ChatReply(
            promptTokens: counts.prompt, reusedTokens: counts.reused, prefillSeconds: counts.prefillSeconds, summary: summary)
        (reply.answer, reply.reasoning, reply.toolCalls, reply.tokens) =
            (assembler.answer, assembler.reasoning, assembler.toolCalls, assembler.tokens)
        return reply
    }

    /// Whether the next step is one of the prompt.
    var isPrefilling: Bool { prompt?.pending.map { session.count < $0.total } ?? false }

    /// The blocks of the prompt that a part of it computes whole, and that others may take.
    func promptBlocks(of part: StepPart) -> ArraySlice<BlockKey> {
        guard let prompt, let total = prompt.pending?.total else { return [] }
        let size = session.engine.pageTokens
        let end = min((session.count + part.count) / size, session.reusableBlocks(of: total))
        return prompt.chain.keys[min(session.count / size, end)..<end]
    }

    /// Whether the session holds the prompt and the logits after it, and nothing of the answer.
    var hasPrompt: Bool { !isPrefilling && summary.generatedTokens == 0 && session.hasLogits }

    /// The seed of the random numbers in use.
    var seed: UInt64 { sampler.seed }

    /// Whether the session holds the prompt, and the answer has begun.
    var hasBegun: Bool { prompt == nil }

    /// Ends a run that nobody asks for more. Takes no lock that a step holds.
    ///
    /// - Returns: what came until now.
    func cutShort() -> ChatMessage {
        if !isOver { _ = assembler.finish(wasCut: true) }
        isOver = true
        return reply.message
    }

    // MARK: Steps

    private func proceed(with prompt: Session.PromptFill) throws -> GenerationProgress {
        guard isLive else { throw HadalError(.cancelled, "the prompt was cut short") }
        if let pending = prompt.pending, session.count < pending.total {
            var prompt = prompt
            let restored = try session.takeBlocks(&prompt)
            if restored > 0 { prompt.restored = note(restored, prompt) }
            self.prompt = prompt
            if restored > 0, let (done, all) = prompt.restored { return .restored(.restored(tokens: done, of: all)) }
            let usual = chunkTokens.map { ((session.count + Session.leastChunk) / $0 + 1) * $0 - session.count }
            return .step(session.nextPart(of: pending, usual: session.chunkToSnapshot(total: pending.total, usual: usual)))
        }
        self.prompt = nil
        counts = (prompt.new, prompt.reused, (ContinuousClock.now - start).seconds)
        try begin()
        return .events([])
    }

    private func note(_ restored: Int, _ prompt: Session.PromptFill) -> (done: Int, of: Int) {
        let done = (prompt.restored?.done ?? 0) + restored
        return (done, prompt.restored?.of ?? done + session.restorableTokens(of: prompt))
    }

    /// The session holds the prompt.
    private func begin() throws {
        start = ContinuousClock.now
        promptLength = session.count
        limit = options.tokenLimit(promptLength: promptLength)
        generator = try makeGenerator()
    }

    /// Generates what may still come: the rest, after reasoning was closed.
    private func makeGenerator() throws -> TokenGenerator {
        var part = options
        part.maxTokens = limit.map { $0 - summary.generatedTokens }
        part.maxLength = nil
        return try TokenGenerator(session, part, sampler, promptLength: promptLength)
    }

    private func take(_ token: Int32, from generator: TokenGenerator) throws -> [GenerationEvent] {
        let wasReasoning = assembler.isReasoning
        var events = try taken(token)
        if let found = generator.logProbabilities { events.insert(found, at: 1) }
        if wasReasoning, assembler.isReasoning { summary.reasoningTokens += 1 }
        if assembler.isStopped, chat == nil {
            // The token that ended the text stays out of the session.
            generator.end(.stopString)
        } else if assembler.isStopped || exceedsBudget || !isLive {
            generator.stop()
        }
        return events
    }

    /// Reasoning is over its budget, and can be closed here.
    private var exceedsBudget: Bool {
        guard let budget = chat?.reasoningBudget, assembler.isReasoning, summary.reasoningTokens >= budget else { return false }
        return closings < Self.mostClosings && assembler.canBeInterrupted
    }

    private func taken(_ token: Int32) throws -> [GenerationEvent] {
        let events = try assembler.take(token)
        try constraint?.note(token)
        noteThoughts(events)
        return [.token(token)] + events
    }

    /// What the model chose until a `textWasReasoning` was thought, but for the marker that says so.
    private func noteThoughts(_ events: [GenerationEvent]) {
        for case .textWasReasoning in events {
            summary.reasoningTokens = max(0, assembler.tokens.count - 1 - summary.injectedTokens)
        }
    }

    /// The tokens have ended: closes reasoning over its budget and goes on, or ends the whole.
    private func partEnded(_ part: TokenSummary) throws -> [GenerationEvent] {
        generator = nil
        if let next = part.speculation {
            var speculation = summary.speculation ?? SpeculationSummary(kind: next.kind)
            speculation.add(next, after: summary.generatedTokens)
            summary.speculation = speculation
        }
        summary.generatedTokens += part.generatedTokens
        summary.reason = assembler.isStopped ? .stopString : part.reason == .cancelled ? stopReason : part.reason
        closing = try closingLine()
        return closing == nil ? finish() : []
    }

    private func finish() -> [GenerationEvent] {
        isOver = true
        session.keepAnswerSnapshot()
        if let chat {
            session.engine.noteAnswer(assembler.tokens, to: chat.text, session.cacheUse)
        }
        let events = assembler.finish(wasCut: summary.reason != .endOfText)
        noteThoughts(events)
        if assembler.isStopped { summary.reason = .stopString }
        summary.stopString = assembler.stopString
        if summary.reason == .endOfText, !assembler.toolCalls.isEmpty { summary.reason = .toolCalls }
        summary.seconds = (ContinuousClock.now - start).seconds
        return events + [.finished(summary)]
    }

    /// The line to close reasoning with where the tokens ended because the budget was spent. nil: they did not, or it does not fit.
    private func closingLine() throws -> (ids: [Int32], pending: Session.PendingTokens)? {
        guard summary.reason == .cancelled, exceedsBudget, isLive, !session.isCancelled,
            let text = chat?.format.closing(unused: summary.reasoningTokens == 0)
        else { return nil }
        let ids = try session.engine.requireTokenizer().encode(text, parseSpecial: true)
        guard ids.count < session.contextLength - session.count else {
            summary.reason = .contextFull
            return nil
        }
        guard ids.count < limit.map({ $0 - summary.generatedTokens }) ?? .max else {
            summary.reason = .length
            return nil
        }
        return (ids, try ids.withUnsafeBufferPointer { try session.prepare($0) })
    }

    private func proceed(with ids: [Int32], _ pending: Session.PendingTokens) throws -> GenerationProgress {
        if session.count < pending.total { return .step(session.nextPart(of: pending)) }
        closing = nil
        closings += 1
        summary.generatedTokens += ids.count
        summary.injectedTokens += ids.count
        return .events(try ids.flatMap { try taken($0) })
    }
}
