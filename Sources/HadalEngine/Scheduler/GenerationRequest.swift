/// What a scheduler is asked to generate.
public struct GenerationRequest: Sendable {
    public enum Prompt: Sendable {
        /// Continued as they are.
        case tokens([Int32])
        /// Continued as it is, with the tokens that go before a prompt of the model.
        case text(String)
        /// Answered.
        case chat(ChatRequest)
    }

    public var prompt: Prompt
    /// Of the answer with index i, the seed is that of the options plus i.
    public var options: GenerationOptions
    /// Answers to the same prompt, which is computed once.
    public var choices: Int
    /// A higher one is admitted first. It interrupts nothing.
    public var priority: Int
    /// When the request ends with what it has, for the reason `deadline`; nil: never.
    public var deadline: ContinuousClock.Instant?

    /// What the request shares with others.
    public var cache: CacheUse

    public init(
        _ prompt: Prompt, options: GenerationOptions = GenerationOptions(), choices: Int = 1, priority: Int = 0,
        deadline: ContinuousClock.Instant? = nil, cache: CacheUse = CacheUse()
    ) {
        self.prompt = prompt
        self.options = options
        self.choices = choices
        self.priority = priority
        self.deadline = deadline
        self.cache = cache
    }
}
