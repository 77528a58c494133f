import HadalCore
import HadalText

extension Session {
    /// Generates tokens from the session's logits, appending each, until something ends it. Text plays no part: stop strings are not
    /// looked for.
    ///
    /// Blocks the calling thread. The last chosen token is in the session, unless it is one of the model's end tokens or a constraint lets
    /// nothing follow it: then those that it was forced with are not either.
    /// - Throws: as `generate`.
    @discardableResult
    public func generateTokens(
        _ options: GenerationOptions = GenerationOptions(), onToken: (Int32) throws -> Reaction
    ) throws -> TokenSummary {
        clearCancellation()
        try engine.requireLogits()
        let sampler = try Sampler(options: options.sampling, vocabulary: engine.vocabularySize)
        let constraint = try options.constraint.map { try ConstrainedText($0, engine, options.sampling) }
        let generator = try TokenGenerator(self, options, sampler, promptLength: count)
        generator.constraint = constraint
        defer { generator.end() }
        while true {
            switch try generator.proceed() {
            case .token(let token): if try onToken(token) == .stop { generator.stop() }
            case .step(let part): do { try run(part) { generator.accept($0, logits: $1) } } catch { try generator.fail(error) }
            case .over: return generator.end()
            }
        }
    }

    /// Generates text from the session's logits, until something ends it.
    ///
    /// Blocks the calling thread. The last chosen token is in the session, unless it ended the text.
    /// - Throws: `invalidArgument` when the session has no logits (append a prompt first) or a setting is out of range. A full
    ///   context is no error here but a reason to finish; it is never a silent cut.
    @discardableResult
    public func generate(
        _ options: GenerationOptions = GenerationOptions(), onEvent: (GenerationEvent) throws -> Reaction = { _ in .continue }
    ) throws -> GenerationSummary {
        let run = try GenerationRun(self, from: .session, options: options)
        try run.drive(onEvent)
        return run.summary
    }

    /// Continues a text as it is, without a template: all that comes is answer.
    ///
    /// The session may hold anything before: what its tokens have in common with the text's is kept, the rest forgotten. Blocks the
    /// calling thread.
    /// - Throws: `notFound` for a model without a tokenizer, and else as `reply`.
    public func complete(
        _ text: String, options: GenerationOptions = GenerationOptions(),
        onEvent: (GenerationEvent) throws -> Reaction = { _ in .continue }
    ) throws -> ChatReply {
        let run = try GenerationRun(self, from: .text(try engine.encodePrompt(text)), options: options)
        try run.drive(onEvent)
        return run.reply
    }

    /// The same as a stream.
    public func stream(_ options: GenerationOptions = GenerationOptions()) -> GenerationStream {
        GenerationStream(engine) { try GenerationRun(self, from: .session, options: options) }
    }

    /// Continues a text as `complete` does, as a stream.
    public func completion(of text: String, options: GenerationOptions = GenerationOptions()) -> GenerationStream {
        GenerationStream(engine) { try GenerationRun(self, from: .text(try self.engine.encodePrompt(text)), options: options) }
    }

    /// A prompt that a session is made to hold, chunk by chunk.
    struct PromptFill {
        /// nil: the session holds it, and the logits after it.
        var pending: PendingTokens?
        /// Of the prompt.
        var chain: BlockChain
        /// Tokens that are computed, and those that the session held already or found.
        var new: Int
        var reused: Int
        /// Tokens that came from disk, and those that are there; nil: nothing did.
        var restored: (done: Int, of: Int)?
    }

    /// Makes the session hold a prompt once the steps of what it does not hold yet, and nobody else left, have run.
    func fill(with ids: [Int32]) throws -> PromptFill {
        guard let last = ids.indices.last else {
            throw HadalError(.invalidArgument, "the prompt is empty", hint: "give it some text")
        }
        publishes = true
        let regime = engine.ropeRegime(of: ids.count)
        var chain = engine.blockChain(salt: cacheUse.salt, regime: regime)
        let held = history
        if hasLogits, held.elementsEqual(ids) { return PromptFill(pending: nil, chain: chain, new: 0, reused: ids.count) }
        // The last token is run again, because its logits are needed.
        var common = 0
        while regime == ropeRegime, common < min(held.count, last), held[common] == ids[common] { common += 1 }
        try rollBack(to: common)
        let pending = try ids[common...].withUnsafeBufferPointer { try prepare($0) }
        ids.withUnsafeBufferPointer { chain.extend(to: $0) }
        return PromptFill(pending: pending, chain: chain, new: ids.count - count, reused: count)
    }
}
