public import HadalConstraints
package import HadalCore
public import HadalText

/// What is asked of a model in a chat.
public struct ChatRequest: Sendable {
    public var messages: [ChatMessage]
    /// The tools the model may call; without any, calls are not looked for in the answer.
    public var tools: [Tool]
    /// Whether the model has to call one of the tools.
    public var toolChoice = ToolChoice.auto
    public var thinking: ThinkingMode
    /// Most tokens the model may think before it has to answer; 0: none; nil: as many as it likes.
    public var reasoningBudget: Int?
    /// How the answer begins; the model goes on from there, and the reply is what follows. Reasoning that the template opens is closed before it. nil: the
    /// model begins.
    public var answerPrefix: String?
    /// Further variables of the template. They win over what `thinking` sets.
    package var variables = JSONObject()

    public init(
        messages: [ChatMessage] = [], tools: [Tool] = [], thinking: ThinkingMode = .automatic, reasoningBudget: Int? = nil
    ) {
        self.messages = messages
        self.tools = tools
        self.thinking = thinking
        self.reasoningBudget = reasoningBudget
    }

    /// Sets a further variable of the model's chat template. It wins over what `thinking` sets.
    ///
    /// - Throws: `invalidArgument` for a value that cannot be encoded as JSON.
    public mutating func setVariable(_ name: String, to value: some Encodable) throws {
        variables[name] = try JSON(encoding: value, file: "template variable \(name)")
    }
}
