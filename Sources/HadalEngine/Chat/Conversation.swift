import HadalCore
import HadalText

/// A chat with one session: turns are rendered by the model's template, and what the session already holds is not computed again.
///
/// Not thread-safe.
public struct Conversation {
    public private(set) var session: Session
    public private(set) var messages: [ChatMessage] = []
    public var system: String?
    /// What is asked of the model besides the messages: tools, thinking, the template's variables.
    public var request = ChatRequest(messages: [])

    public init(engine: Engine, system: String? = nil) {
        session = engine.makeSession()
        self.system = system
    }

    /// Forgets all turns; the system message stays.
    public mutating func clear() { messages = [] }

    /// Takes back the last question and all that came after it.
    public mutating func undo() {
        while let last = messages.popLast(), last.role != "user" {}
    }

    /// Adds the result of a call of the last turn. When all are given, `answer` goes on.
    public mutating func give(_ result: String, for call: ToolCall) { messages.append(ChatMessage(resultOf: call, content: result)) }

    /// Asks and streams the reply. A failed turn leaves the conversation as it was.
    ///
    /// - Parameter onEvent: returns false to stop the reply; what came until then is kept.
    public mutating func ask(
        _ question: String, options: GenerationOptions, onEvent: (GenerationEvent) throws -> Bool
    ) throws -> ChatReply {
        messages.append(ChatMessage(role: "user", content: question))
        do { return try answer(options: options, onEvent: onEvent) } catch {
            messages.removeLast()
            throw error
        }
    }

    /// Streams the reply to the messages as they are: after the results of tool calls, or to try a failed turn again.
    public mutating func answer(options: GenerationOptions, onEvent: (GenerationEvent) throws -> Bool) throws -> ChatReply {
        var request = request
        request.messages = (system.map { [ChatMessage(role: "system", content: $0)] } ?? []) + messages.map(Self.rendered)
        let reply = try session.reply(to: try session.engine.chatPrompt(request), options: options, onEvent: onEvent)
        messages.append(reply.message)
        return reply
    }

    /// A turn that ended before its answer began has an empty one, which some templates take for something else: a space is
    /// nothing but an answer.
    private static func rendered(_ message: ChatMessage) -> ChatMessage {
        guard message.role == "assistant", message.content.isEmpty, message.toolCalls.isEmpty else { return message }
        var message = message
        message.content = " "
        return message
    }
}
