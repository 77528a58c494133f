public import HadalText

/// One turn of a conversation.
public struct ChatMessage: Sendable, Equatable {
    /// Who speaks, as the model's chat template calls it. A role that Hadal does not know reaches the template as it is.
    public struct Role: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
        public var rawValue: String

        public init(rawValue: String) { self.rawValue = rawValue }
        public init(stringLiteral value: String) { rawValue = value }

        public static let system: Role = "system"
        public static let user: Role = "user"
        public static let assistant: Role = "assistant"
        public static let tool: Role = "tool"

        public var description: String { rawValue }
    }

    public var role: Role
    public var content: String
    /// What an assistant thought before it answered. Templates use it where the model wants it back, and leave it out elsewhere.
    public var reasoning: String?
    /// The calls that an assistant's turn ended with.
    public var toolCalls: [ToolCall]
    /// For the result of a call: which one.
    public var toolCallID: String?
    /// For the result of a call: the tool's name.
    public var name: String?

    public init(
        role: Role, content: String, reasoning: String? = nil, toolCalls: [ToolCall] = [], toolCallID: String? = nil, name: String? = nil
    ) {
        self.role = role
        self.content = content
        self.reasoning = reasoning
        self.toolCalls = toolCalls
        self.toolCallID = toolCallID
        self.name = name
    }

    public static func system(_ content: String) -> ChatMessage { ChatMessage(role: .system, content: content) }

    public static func user(_ content: String) -> ChatMessage { ChatMessage(role: .user, content: content) }

    public static func assistant(_ content: String, reasoning: String? = nil, toolCalls: [ToolCall] = []) -> ChatMessage {
        ChatMessage(role: .assistant, content: content, reasoning: reasoning, toolCalls: toolCalls)
    }

    /// The result of a call.
    ///
    /// - Parameters:
    ///   - id: the call's.
    ///   - name: the tool's, where the template reads it.
    public static func tool(_ result: String, for id: String, name: String? = nil) -> ChatMessage {
        ChatMessage(role: .tool, content: result, toolCallID: id, name: name)
    }

    public static func tool(_ result: String, for call: ToolCall) -> ChatMessage { .tool(result, for: call.id, name: call.name) }
}
