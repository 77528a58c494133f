/// What a scheduler is asked to generate.
public struct GenerationRequest: Sendable {
    public enum Prompt: Sendable {
        /// Continued as they are.
        case tokens([Int32])
        /// Continued as it is, with the tokens that go before a prompt of the model.
        case text(String)
        /// Answered.
        case chat(ChatRequest)
        /// Answered, as `Engine.chatPrompt` made it, so that it is rendered once.
        case prepared(ChatPrompt)
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

    /// Requests with different salts share no blocks of the cache: nobody can tell by the time that an answer takes what another has sent. One
    /// for each client.
    public var salt: String
    /// Whether its blocks may be written to `EngineOptions.cacheDirectory`. false: they never leave memory.
    public var isKeptOnDisk: Bool
    /// Encrypts its blocks on disk, 32 bytes; nil: as `EngineOptions.sealingKey` says. Requests with one salt have one key.
    package var sealingKey: [UInt8]?

    public init(
        _ prompt: Prompt, options: GenerationOptions = GenerationOptions(), choices: Int = 1, priority: Int = 0,
        deadline: ContinuousClock.Instant? = nil, salt: String = "", isKeptOnDisk: Bool = true
    ) {
        self.prompt = prompt
        self.options = options
        self.choices = choices
        self.priority = priority
        self.deadline = deadline
        self.salt = salt
        self.isKeptOnDisk = isKeptOnDisk
    }
}
