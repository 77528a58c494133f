import Dispatch
import HadalCore
import HadalText

extension Session {
    /// Generates tokens from the session's logits, appending each, until something ends it.
    ///
    /// Blocks the calling thread. `onEvent` returns false to cancel. The last chosen token is in the session, unless it ended the
    /// text.
    /// - Throws: `invalidArgument` when the session has no logits (append a prompt first) or a setting is out of range. A full
    ///   context is no error here but a reason to finish; it is never a silent cut.
    @discardableResult
    public func generate(
        _ options: GenerationOptions = GenerationOptions(), onEvent: (GenerationEvent) throws -> Bool
    ) throws -> GenerationSummary {
        clearCancellation()
        return try generate(
            options, with: Sampler(options: options.sampling, vocabulary: engine.vocabularySize), promptLength: count, onEvent: onEvent)
    }

    /// The same with a sampler that may have been used before, so that its random numbers go on. Heeds a `cancel()` from before.
    ///
    /// - Parameter promptLength: how many of the session's tokens were there before the whole of the generation.
    func generate(
        _ options: GenerationOptions, with sampler: Sampler, promptLength: Int, onEvent: (GenerationEvent) throws -> Bool
    ) throws -> GenerationSummary {
        guard hasLogits else { throw HadalError(.invalidArgument, "nothing to continue", hint: "append a prompt first") }
        if let limit = options.maxTokens, limit < 0 { throw HadalError(.invalidArgument, "max-tokens must be 0 or more, not \(limit)") }
        let limit = options.tokenLimit(promptLength: count) ?? .max
        var detokenizer = engine.tokenizer.map { IncrementalDetokenizer($0, continuing: count > 0) }
        var stops = StopMatcher(options.stopStrings)
        let start = ContinuousClock.now
        let speculator = options.speculates ? Speculator(self) : nil
        var speculation: SpeculationSummary?
        defer { if speculation == nil { _ = speculator?.finish() } }
        var generated = 0
        var reason = GenerationSummary.Reason.length
        var live = true

        func show(_ text: String) throws -> Bool {
            let (shown, stopped) = stops.feed(text)
            if !shown.isEmpty { live = try onEvent(.text(shown)) && live }
            return stopped
        }
        loop: while generated < limit {
            guard live, !isCancelled else { reason = .cancelled; break }
            let token = sampler.sample(logits.baseAddress!, history: history, promptLength: promptLength)
            if !options.ignoreEndOfText, engine.endTokens.contains(token) { reason = .endOfText; break }
            generated += 1
            live = try onEvent(.token(token)) && live
            // A model may have more ids than its vocabulary has tokens, to round its tables up: those have no text.
            let hasText = engine.tokenizer.map { Int(token) < $0.count } ?? false
            if hasText, let text = try detokenizer?.append(token), !text.isEmpty, try show(text) { reason = .stopString; break }
            guard count < contextLength else { reason = .contextFull; break }
            do {
                if let speculator {
                    try speculator.append(token, remaining: limit - generated)
                } else {
                    try withUnsafePointer(to: token) { try append(UnsafeBufferPointer(start: $0, count: 1), eachRow: nil) }
                }
            } catch let error as HadalError where error.code == .cancelled {
                reason = .cancelled
                break loop
            }
        }
        if reason != .stopString {
            if let rest = detokenizer?.finish(), !rest.isEmpty, try show(rest) { reason = .stopString }
            if reason != .stopString {
                let rest = stops.finish()
                if !rest.isEmpty { _ = try onEvent(.text(rest)) }
            }
        }
        let elapsed = ContinuousClock.now - start
        speculation = speculator?.finish()
        let summary = GenerationSummary(
            reason: reason, generatedTokens: generated, seconds: elapsed.seconds, seed: sampler.seed, speculation: speculation)
        _ = try onEvent(.finished(summary))
        return summary
    }

    /// The same as a stream. Runs on a thread of its own; ending the iteration cancels it.
    public func stream(_ options: GenerationOptions = GenerationOptions()) -> AsyncThrowingStream<GenerationEvent, any Error> {
        streaming { session, onEvent in try session.generate(options, onEvent: onEvent) }
    }

    /// Runs `body` on a thread of its own, its events as a stream; ending the iteration cancels it.
    func streaming(
        _ body: @escaping @Sendable (Session, (GenerationEvent) throws -> Bool) throws -> Void
    ) -> AsyncThrowingStream<GenerationEvent, any Error> {
        AsyncThrowingStream { continuation in
            let cancelled = CancelFlag()
            continuation.onTermination = { [weak self] reason in
                if case .cancelled = reason {
                    cancelled.set()
                    self?.cancel()
                }
            }
            DispatchQueue.global(qos: .userInitiated).async {
                do {
                    try body(self) { event in
                        continuation.yield(event)
                        return !cancelled.isSet
                    }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
        }
    }
}
