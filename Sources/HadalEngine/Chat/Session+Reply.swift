import HadalCore
import HadalText

extension Session {
    /// Most times that reasoning over its budget is closed in one reply: a model may open it again and again.
    private static let mostClosings = 16

    /// Makes the session hold a prompt, computing only what it does not hold yet.
    ///
    /// - Returns: how many tokens were there already.
    func adoptPrompt(_ ids: [Int32]) throws -> Int {
        guard let last = ids.indices.last else { throw HadalError(.invalidArgument, "the prompt is empty") }
        // The last token is always run again, because its logits are needed.
        var common = 0
        let held = history
        while common < min(held.count, last), held[common] == ids[common] { common += 1 }
        try rollback(to: common)
        try ids[common...].withUnsafeBufferPointer { try append($0, eachRow: nil) }
        return common
    }

    /// Replies to a prompt of `Engine.chatPrompt`, telling reasoning, answer and tool calls apart.
    ///
    /// The session may hold anything before: what its tokens have in common with the prompt is kept, the rest forgotten. Reasoning
    /// over the prompt's budget is closed by a short line and the closing marker, which count as generated tokens; stop strings
    /// apply to the answer alone. Blocks the calling thread. `onEvent` returns false to cancel; what came until then is kept.
    /// - Throws: `contextFull` when the prompt does not fit; `cancelled` when the prompt was cut short; `invalidArgument` for a
    ///   setting out of range.
    public func reply(
        to prompt: ChatPrompt, options: GenerationOptions = GenerationOptions(), onEvent: (GenerationEvent) throws -> Bool
    ) throws -> ChatReply {
        let tokenizer = try engine.requireTokenizer()
        if let limit = options.maxTokens, limit < 0 { throw HadalError(.invalidArgument, "max-tokens must be 0 or more, not \(limit)") }
        let sampler = try Sampler(options: options.sampling, vocabulary: engine.vocabularySize)
        clearCancellation()
        let start = ContinuousClock.now
        let reused = try adoptPrompt(prompt.ids)
        let generationStart = ContinuousClock.now
        var summary = GenerationSummary(reason: .length, generatedTokens: 0, seconds: 0, seed: sampler.seed)
        var writer = ReplyWriter(prompt, tokenizer: tokenizer, stopStrings: options.stopStrings)
        let promptLength = count
        let limit = options.tokenLimit(promptLength: promptLength)
        var live = true
        var closings = 0

        func tell(_ events: [GenerationEvent]) throws {
            for event in events {
                // What the model chose until then was thought, but for the marker that says so.
                if case .textWasReasoning = event { summary.reasoningTokens = max(0, writer.tokens.count - 1 - summary.injectedTokens) }
                live = try onEvent(event) && live
            }
        }
        func take(_ token: Int32) throws {
            try tell([.token(token)])
            try tell(try writer.take(token))
        }

        while true {
            var part = options
            part.stopStrings = []
            part.maxTokens = limit.map { $0 - summary.generatedTokens }
            part.maxLength = nil
            var closes = false
            let partSummary = try generate(part, with: sampler, promptLength: promptLength) { event in
                guard case .token(let token) = event else { return true }
                let wasReasoning = writer.isReasoning
                try take(token)
                if wasReasoning, writer.isReasoning { summary.reasoningTokens += 1 }
                if let budget = prompt.reasoningBudget, writer.isReasoning, summary.reasoningTokens >= budget, closings < Self.mostClosings {
                    closes = writer.canBeInterrupted
                }
                return live && !closes && !writer.isStopped
            }
            if let next = partSummary.speculation {
                if summary.speculation == nil { summary.speculation = SpeculationSummary(kind: next.kind) }
                summary.speculation?.add(next, after: summary.generatedTokens)
            }
            summary.generatedTokens += partSummary.generatedTokens
            summary.reason = writer.isStopped ? .stopString : partSummary.reason
            guard closes, live, !isCancelled, partSummary.reason == .cancelled,
                let text = prompt.format.closing(unused: summary.reasoningTokens == 0)
            else { break }
            let ids = try tokenizer.encode(text, parseSpecial: true)
            guard ids.count < contextLength - count else { summary.reason = .contextFull; break }
            guard ids.count < limit.map({ $0 - summary.generatedTokens }) ?? .max else { summary.reason = .length; break }
            do {
                try ids.withUnsafeBufferPointer { try append($0, eachRow: nil) }
            } catch let error as HadalError where error.code == .cancelled {
                break
            }
            closings += 1
            summary.generatedTokens += ids.count
            summary.injectedTokens += ids.count
            for id in ids { try take(id) }
        }
        try tell(writer.finish(wasCut: summary.reason != .endOfText))
        if writer.isStopped { summary.reason = .stopString }
        if summary.reason == .endOfText, !writer.toolCalls.isEmpty { summary.reason = .toolCalls }
        summary.seconds = (ContinuousClock.now - generationStart).seconds
        try tell([.finished(summary)])
        var reply = ChatReply(
            promptTokens: prompt.ids.count - reused, reusedTokens: reused, prefillSeconds: (generationStart - start).seconds, summary: summary)
        (reply.answer, reply.reasoning, reply.toolCalls, reply.tokens) = (writer.answer, writer.reasoning, writer.toolCalls, writer.tokens)
        return reply
    }

    /// The same as a stream. Runs on a thread of its own; ending the iteration cancels it.
    public func replies(
        to prompt: ChatPrompt, options: GenerationOptions = GenerationOptions()
    ) -> AsyncThrowingStream<GenerationEvent, any Error> {
        streaming { session, onEvent in _ = try session.reply(to: prompt, options: options, onEvent: onEvent) }
    }
}
