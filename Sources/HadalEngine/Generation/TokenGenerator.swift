import HadalBackend
import HadalCore

/// Samples tokens from a session's logits, one at a time. Each goes into the session when the next is asked for.
///
/// Where a constraint leaves one text, its tokens are not sampled: they go into the session together with the token before them. Knows
/// nothing else of text. Not thread-safe.
final class TokenGenerator {
    private let session: Session
    private let options: GenerationOptions
    private let sampler: Sampler
    private let promptLength: Int
    private let limit: Int
    private let speculator: Speculator?
    private let start = ContinuousClock.now
    /// Chosen, and not yet in the session: one, and those that a constraint forces behind it.
    private var chosen: [Int32] = []
    /// The same where they go in without drafts: at a rope switch with all tokens before them.
    private var pending: Session.PendingTokens?
    /// Forced tokens whose logits are asked for: they are in the state before they are given out.
    private var forcedRows: RowsAhead?
    private var isStepOfForcedRows = false
    /// What the next token is constrained by; nil: by nothing.
    var constraint: ConstrainedText?
    /// Drafts that a step has room for.
    var mostDrafts = Int.max
    private var generated = 0
    /// Of the token that was given last, where they are asked for.
    private(set) var logProbabilities: GenerationEvent?
    private var isLive = true
    private var summary: TokenSummary?

    /// - Parameters:
    ///   - sampler: may have been used before: its random numbers go on.
    ///   - promptLength: how many of the session's tokens were there before the whole of the generation.
    /// - Throws: `invalidArgument` when the session has no logits or `maxTokens` is negative.
    init(_ session: Session, _ options: GenerationOptions, _ sampler: Sampler, promptLength: Int) throws {
        guard session.hasLogits else { throw HadalError(.invalidArgument, "nothing to continue", hint: "append a prompt first") }
        try options.check()
        self.session = session
        self.options = options
        self.sampler = sampler
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
        if let constraint, try constraint.isFinished() {
            // What was chosen since the last step stays out of the session.
            chosen = []
            end(.endOfText)
            return .over
        }
        do {
            if canExtendStep, let token = try takeForced() { return .token(try give(token)) }
            if let part = try partOfChosen() {
                if reasonToEnd == nil { constraint?.beginMask() }
                return .step(part)
            }
        } catch let error as HadalError where error.code == .cancelled {
            (chosen, pending) = ([], nil)
            end(.cancelled)
        }
        if let reasonToEnd { end(reasonToEnd) }
        guard summary == nil else { return .over }
        if let token = try takeForced() { return .token(try give(token)) }
        guard let token = try sample() else {
            end(.endOfText)
            return .over
        }
        return .token(try give(token))
    }

    /// nil: a token that ends the text.
    private func sample() throws -> Int32? {
        let token = sampler.sample(
            session.logits.baseAddress!, history: session.history, promptLength: promptLength, allowed: try constraint?.allowed())
        if constraint != nil || !options.ignoreEndOfText, session.engine.endTokens.contains(token) { return nil }
        try constraint?.accept(token)
        return token
    }

    private func give(_ token: Int32) throws -> Int32 {
        logProbabilities = try options.logProbabilities.map {
            try .logProbabilities(
                of: token, session.logits, count: $0, tokenizer: session.engine.tokenizer, position: session.count)
        }
        generated += 1
        chosen.append(token)
        return token
    }

    // MARK: Forced tokens

    /// Most tokens of a step: as many as get the bits that they would get in steps of their own.
    private static let mostStepTokens = BackendCapabilities.stableTokens

    private var mostStepTokens: Int { min(Self.mostStepTokens, session.engine.batchTokens) }

    /// Whether a forced token can go into the step that the chosen ones wait for. Where log probabilities are asked for, it is chosen when
    /// the logits of its place are there.
    private var canExtendStep: Bool {
        !chosen.isEmpty && chosen.count < mostStepTokens && chosen.count <= session.roomForRows && pending == nil
            && options.logProbabilities == nil && reasonToEnd == nil
    }

    /// The tokens before the next, as many as the tokenizer may look back at.
    private var context: [Int32] { (session.history.suffix(ConstrainedText.contextTokens) + chosen).suffix(ConstrainedText.contextTokens) }

    private func takeForced() throws -> Int32? {
        try constraint?.takeForced { context }
    }

    /// The step with the chosen token, all of whose logits are asked for, and those that are forced behind it.
    private func partWithForcedRows() throws -> StepPart? {
        guard let constraint, options.logProbabilities != nil, chosen.count == 1, reasonToEnd == nil else { return nil }
        let most = min(
            mostStepTokens - 1, session.engine.program.bounds.rows - 1, session.roomForRows, mostDrafts, limit - generated)
        guard most > 0 else { return nil }
        let next = try constraint.forcedTokens { context }.prefix(most)
        guard !next.isEmpty else { return nil }
        let rows = forcedRows ?? RowsAhead(session, most: Self.mostStepTokens - 1)
        forcedRows = rows
        for (place, token) in next.enumerated() { rows.tokens[place] = token }
        isStepOfForcedRows = true
        return rows.part(of: chosen[0], count: next.count)
    }

    // MARK: Steps

    /// The step that `proceed` asked for has run.
    func accept(_ part: StepPart, logits: UnsafePointer<Float>) {
        if let pending {
            session.accept(part, of: pending, logits: logits)
            guard session.hasLogits else { return }
            self.pending = nil
            if chosen.count == 1 { speculator?.noteOneToken() }
        } else if isStepOfForcedRows {
            isStepOfForcedRows = false
            forcedRows?.accept(part, logits: logits)
        } else {
            speculator?.accept(part, logits: logits)
        }
        chosen = []
    }

    /// The step that `proceed` asked for has failed.
    func fail(_ error: any Error) throws {
        (chosen, pending) = ([], nil)
        guard let error = error as? HadalError, error.code == .cancelled else { throw error }
        end(.cancelled)
    }

    private var reasonToEnd: GenerationSummary.Reason? {
        if generated >= limit { return .length }
        return isLive && !session.isCancelled ? nil : .cancelled
    }

    /// The step that the chosen tokens need; nil: the session holds them, or the generation has ended.
    private func partOfChosen() throws -> StepPart? {
        if let pending { return session.nextPart(of: pending) }
        while let token = chosen.first, speculator?.takesDraft(token) == true || forcedRows?.takes(token) == true { chosen.removeFirst() }
        guard let token = chosen.first else { return nil }
        forcedRows?.forget()
        guard session.count < session.contextLength else {
            chosen = []
            end(.contextFull)
            return nil
        }
        if let part = try partWithForcedRows() { return part }
        if chosen.count == 1, let part = try speculator?.part(of: token, remaining: limit - generated, most: mostDrafts) { return part }
        let pending = try chosen.withUnsafeBufferPointer { try session.prepare($0) }
        self.pending = pending
        return session.nextPart(of: pending)
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
        if forcedRows != nil { session.releaseUnusedPages() }
        summary = made
        return made
    }
}
