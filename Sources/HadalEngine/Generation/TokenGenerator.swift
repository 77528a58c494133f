import HadalCore

/// Samples tokens from a session's logits, one at a time. Each is appended when the next is asked for.
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
    private var generated = 0
    private var isLive = true
    private var summary: TokenSummary?

    /// - Parameters:
    ///   - sampler: may have been used before: its random numbers go on.
    ///   - promptLength: how many of the session's tokens were there before the whole of the generation.
    /// - Throws: `invalidArgument` when the session has no logits or `maxTokens` is negative.
    init(_ session: Session, _ options: GenerationOptions, _ sampler: Sampler, promptLength: Int) throws {
        guard session.hasLogits else { throw HadalError(.invalidArgument, "nothing to continue", hint: "append a prompt first") }
        try options.checkTokenLimit()
        self.session = session
        self.options = options
        self.sampler = sampler
        self.promptLength = promptLength
        limit = options.tokenLimit(promptLength: session.count) ?? .max
        speculator = options.speculates ? Speculator(session) : nil
    }

    /// Ends the generation after the token that was given last, which still goes into the session.
    func stop() { isLive = false }

    /// Appends the token that was given last, and chooses the next. nil: the generation is over, and `end` says why.
    func next() throws -> Int32? {
        guard summary == nil else { return nil }
        if let reason = try appendChosen() ?? reasonToEnd {
            end(reason)
            return nil
        }
        let token = sampler.sample(session.logits.baseAddress!, history: session.history, promptLength: promptLength)
        if !options.ignoreEndOfText, session.engine.endTokens.contains(token) {
            end(.endOfText)
            return nil
        }
        generated += 1
        chosen = token
        return token
    }

    private var reasonToEnd: GenerationSummary.Reason? {
        if generated >= limit { return .length }
        return isLive && !session.isCancelled ? nil : .cancelled
    }

    /// - Returns: why the generation cannot go on.
    private func appendChosen() throws -> GenerationSummary.Reason? {
        guard let token = chosen else { return nil }
        chosen = nil
        guard session.count < session.contextLength else { return .contextFull }
        do {
            if let speculator {
                try speculator.append(token, remaining: limit - generated)
            } else {
                try withUnsafePointer(to: token) { try session.append(UnsafeBufferPointer(start: $0, count: 1), eachChunk: nil) }
            }
            return nil
        } catch let error as HadalError where error.code == .cancelled {
            return .cancelled
        }
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
