extension Session {
    /// Replies to a prompt of `Engine.chatPrompt`, telling reasoning, answer and tool calls apart.
    ///
    /// The session may hold anything before: what its tokens have in common with the prompt is kept, the rest forgotten. Reasoning
    /// over the prompt's budget is closed by a short line and the closing marker, which count as generated tokens; stop strings
    /// apply to the answer alone. Blocks the calling thread. What came until `onEvent` stopped it is kept.
    /// - Throws: `contextFull` when the prompt does not fit; `cancelled` when the prompt was cut short; `invalidArgument` for a
    ///   setting out of range.
    public func reply(
        to prompt: ChatPrompt, options: GenerationOptions = GenerationOptions(),
        onEvent: (GenerationEvent) throws -> Reaction = { _ in .continue }
    ) throws -> ChatReply {
        let known = try engine.withKnownAnswers(prompt, cacheUse)
        let run = try GenerationRun(self, from: .chat(known), options: options)
        try run.drive(onEvent)
        return run.reply
    }

    /// The same as a stream.
    public func replies(to prompt: ChatPrompt, options: GenerationOptions = GenerationOptions()) -> GenerationStream {
        GenerationStream(engine) {
            let known = try self.engine.withKnownAnswers(prompt, self.cacheUse)
            return try GenerationRun(self, from: .chat(known), options: options)
        }
    }
}
