import HadalCore
import HadalText

/// One turn of a conversation.
public struct ChatMessage: Sendable, Equatable {
    /// `system`, `user`, `assistant` or `tool`, or what else a template knows.
    public var role: String
    public var content: String
    /// What an assistant thought before it answered. Templates use it where the model wants it back, and leave it out elsewhere.
    public var reasoning: String?
    /// The calls that an assistant's turn ended with.
    public var toolCalls: [ToolCall] = []
    /// For the result of a call: which one.
    public var toolCallID: String?
    /// For the result of a call: the tool's name.
    public var name: String?

    public init(role: String, content: String, reasoning: String? = nil, toolCalls: [ToolCall] = []) {
        self.role = role
        self.content = content
        self.reasoning = reasoning
        self.toolCalls = toolCalls
    }

    /// The result of a call.
    public init(resultOf call: ToolCall, content: String) {
        role = "tool"
        self.content = content
        toolCallID = call.id
        name = call.name
    }
}
