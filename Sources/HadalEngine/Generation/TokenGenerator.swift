import HadalCore

/// Samples tokens from a session's logits, one at a time. Each goes into the session when the next is asked for.
///
/// Knows nothing of text. Not thread-safe.
final class TokenGenerator {
    private let session: Session
    private let options: GenerationOptions
    private let sampler: Sampler
    private let promptLength: Int
    private let limit: Int
    private let speculator: Speculator?
    private let start = ContinuousClock.now
    /// Chosen, and not yet in the session.
    private var chosen: Int32?
    /// The same where it goes in without drafts: at a rope switch with all tokens before it.
    private var pending: Session.PendingTokens?
    private let constraint: ConstrainedText?
    /// Whether the next token is one of the constrained text.
    var isConstrained = true
    /// Drafts that a step has room for.
    var mostDrafts = Int.max
    private var generated = 0
    /// Of the token that was given last, where they are asked for.
    private(set) var logProbabilities: GenerationEvent?
    private var isLive = true
    private var summary: TokenSummary?

    /// - Parameters:
    ///   - sampler: may have been used before: its random numbers go on.
    ///   - constraint: of the text, as far as it has come; nil: there is none.
    ///   - promptLength: how many of the session's tokens were there before the whole of the generation.
    /// - Throws: `invalidArgument` when the session has no logits or `maxTokens` is negative.
    init(_ session: Session, _ options: GenerationOptions, _ sampler: Sampler, constraint: ConstrainedText?, promptLength: Int) throws {
        guard session.hasLogits else { throw HadalError(.invalidArgument, "nothing to continue", hint: "append a prompt first") }
        try options.check()
        self.session = session
        self.options = options
        self.sampler = sampler
        self.constraint = constraint
        self.promptLength = promptLength
        limit = options.tokenLimit(promptLength: session.count) ?? .max
        speculator = options.speculates ? Speculator(session) : nil
    }

    /// Ends the generation after the token that was given last, which still goes into the session.
    func stop() { isLive = false }

    enum Progress {
        /// Chosen, and given out.
        case token(Int32)
        /// The token that was given last waits for this step.
        case step(StepPart)
        /// `end` says why.
        case over
    }

    /// Goes on to the next token, or to the step that it needs.
    func proceed() throws -> Progress {
        guard summary == nil else { return .over }
        if isConstrained, let constraint, try constraint.isFinished() {
            // The token that ended the text stays out of the session.
            chosen = nil
            end(.endOfText)
            return .over
        }
        do {
            if let part = try partOfChosen() { return .step(part) }
        } catch let error as HadalError where error.code == .cancelled {
            (chosen, pending) = (nil, nil)
            end(.cancelled)
        }
        if let reasonToEnd { end(reasonToEnd) }
        guard summary == nil else { return .over }
        let constraint = isConstrained ? constraint : nil
        try constraint?.findAllowed()
        let token = sampler.sample(
            session.logits.baseAddress!, history: session.history, promptLength: promptLength, allowed: constraint?.allowed)
        if constraint != nil || !options.ignoreEndOfText, session.engine.endTokens.contains(token) {
            end(.endOfText)
            return .over
        }
        try constraint?.accept(token)
        logProbabilities = try options.logProbabilities.map {
            try .logProbabilities(
                of: token, session.logits, count: $0, tokenizer: session.engine.tokenizer, position: session.count)
        }
        generated += 1
        chosen = token
        return .token(token)
    }

    /// The step that `proceed` asked for has run.
    func accept(_ part: StepPart, logits: UnsafePointer<Float>) {
        if let pending {
            session.accept(part, of: pending, logits: logits)
            guard session.hasLogits else { return }
            self.pending = nil
            speculator?.noteOneToken()
        } else {
            speculator?.accept(part, logits: logits)
        }
        chosen = nil
    }

    /// The step that `proceed` asked for has failed.
    func fail(_ error: any Error) throws {
        (chosen, pending) = (nil, nil)
        guard let error = error as? HadalError, error.code == .cancelled else { throw error }
        end(.cancelled)
    }

    private var reasonToEnd: GenerationSummary.Reason? {
        if generated >= limit { return .length }
        return isLive && !session.isCancelled ? nil : .cancelled
    }

    /// The step that the chosen token needs; nil: the session holds it, or the generation has ended.
    private func partOfChosen() throws -> StepPart? {
        guard let token = chosen else { return nil }
        if pending == nil {
            guard session.count < session.contextLength else {
                chosen = nil
                end(.contextFull)
                return nil
            }
            if let speculator {
                if speculator.takesDraft(token) {
                    chosen = nil
                    return nil
                }
                if let part = try speculator.part(of: token, remaining: limit - generated, most: mostDrafts) { return part }
            }
            pending = try withUnsafePointer(to: token) { try session.prepare(UnsafeBufferPointer(start: $0, count: 1)) }
        }
        return pending.map { session.nextPart(of: $0) }
    }

    /// Gives back what drafts took. Called by whoever stops asking for tokens; changes nothing after the generation's own end.
    ///
    /// - Parameter reason: why it ends, unless it has already.
    @discardableResult
    func end(_ reason: GenerationSummary.Reason = .cancelled) -> TokenSummary {
        if let summary { return summary }
        let made = TokenSummary(
            reason: reason, generatedTokens: generated, seconds: (ContinuousClock.now - start).seconds, seed: sampler.seed,
            speculation: speculator?.finish())
        summary = made
        return made
    }
}
