import HadalCore

/// One message of a conversation. Messages form a tree: those with the same parent are alternatives. A value.
package struct HistoryMessage: Sendable, Equatable {
    package enum Role: String, Sendable, CaseIterable { case user, assistant, tool }

    package enum State: String, Sendable, CaseIterable {
        case complete, streaming, stopped, failed
    }

    /// A call of a tool, as the model made it.
    package struct ToolCall: Sendable, Equatable {
        package var id: String
        package var name: String
        /// JSON text, though a model may have broken off in it.
        package var arguments: String

        package init(id: String, name: String, arguments: String) {
            self.id = id
            self.name = name
            self.arguments = arguments
        }
    }

    /// See `HistoryID`.
    package var id: String
    /// The message before; nil: the first one.
    package var parent: String?
    package var role: Role
    package var content: String
    package var reasoning: String
    package var toolCalls: [ToolCall]
    /// Of the role `tool`: which call this is the result of.
    package var toolCallID: String?
    /// Seconds since 1970.
    package var created: Double
    /// The name of the model that answered.
    package var model: String?
    package var state: State
    /// For a person: why the state is `failed`.
    package var error: String?
    /// JSON text of an object that the history does not look into; nil: none.
    package var figures: String?

    package init(
        id: String = HistoryID.make(), parent: String?, role: Role, content: String, reasoning: String = "", toolCalls: [ToolCall] = [],
        toolCallID: String? = nil, created: Double = HistoryClock.now, model: String? = nil, state: State = .complete, error: String? = nil,
        figures: String? = nil
    ) {
        self.id = id
        self.parent = parent
        self.role = role
        self.content = content
        self.reasoning = reasoning
        self.toolCalls = toolCalls
        self.toolCallID = toolCallID
        self.created = created
        self.model = model
        self.state = state
        self.error = error
        self.figures = figures
    }
}
