import HadalCore
import HadalText

/// What is asked of a model in a chat.
public struct ChatRequest: Sendable {
    public var messages: [ChatMessage]
    /// The tools the model may call: an array of `{"type": "function", "function": {"name", "description", "parameters"}}`.
    /// nil or empty: none, and calls are not looked for in the answer.
    public var tools: JSON?
    public var thinking: ThinkingMode
    /// Most tokens the model may think before it has to answer; 0: none; nil: as many as it likes.
    public var reasoningBudget: Int?
    /// Further variables of the template. They win over what `thinking` sets.
    public var variables: JSONObject

    public init(
        messages: [ChatMessage], tools: JSON? = nil, thinking: ThinkingMode = .automatic, reasoningBudget: Int? = nil,
        variables: JSONObject = JSONObject()
    ) {
        self.messages = messages
        self.tools = tools
        self.thinking = thinking
        self.reasoningBudget = reasoningBudget
        self.variables = variables
    }
}
