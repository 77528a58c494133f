import HadalCore
public import HadalText
import Synchronization

/// A chat with one session: turns are rendered by the model's template, and what the session already holds is not computed again.
///
/// May be used from any thread; one turn at a time. A question that is asked while another is being answered is refused.
public final class Conversation: Sendable {
    /// Not to be used while a turn is being answered.
    public let session: Session
    private let state: Mutex<State>

    private struct State {
        var messages: [ChatMessage] = []
        var system: String?
        var request = ChatRequest(messages: [])
        var isAnswering = false
    }

    /// - Parameter system: a message put before all others.
    public convenience init(engine: Engine, system: String? = nil) { self.init(session: engine.makeSession(), system: system) }

    /// The same with a session of the caller's, which nobody else uses.
    public init(session: Session, system: String? = nil) {
        self.session = session
        state = Mutex(State(system: system))
    }

    public var messages: [ChatMessage] { state.withLock { $0.messages } }

    public var system: String? {
        get { state.withLock { $0.system } }
        set { state.withLock { $0.system = newValue } }
    }

    /// What is asked of the model besides the messages: tools, thinking, the template's variables.
    public var request: ChatRequest {
        get { state.withLock { $0.request } }
        set { state.withLock { $0.request = newValue } }
    }

    /// Forgets all turns; the system message stays.
    public func clear() { state.withLock { $0.messages = [] } }

    /// Takes back the last question and all that came after it.
    public func undo() {
        state.withLock { state in
            while let last = state.messages.popLast(), last.role != .user {}
        }
    }

    /// Adds the result of a call of the last turn. When all are given, `answer` goes on.
    public func addResult(_ result: String, for call: ToolCall) {
        state.withLock { $0.messages.append(.tool(result, for: call)) }
    }

    /// Asks, and waits for the reply without holding a thread. A failed turn leaves the conversation as it was.
    ///
    /// Cancelling the task ends the reply after the current step: what came until then is kept, and its summary says so.
    @discardableResult
    public func ask(_ question: String, options: GenerationOptions = GenerationOptions()) async throws -> ChatReply {
        try await stream(question, options: options).reply()
    }

    /// The reply to the messages as they are: after the results of tool calls, or to try a failed turn again.
    @discardableResult
    public func answer(options: GenerationOptions = GenerationOptions()) async throws -> ChatReply {
        try await answers(options: options).reply()
    }

    /// Asks when the first event is waited for. A stream that is left early ends the reply; what came until then is kept.
    public func stream(_ question: String, options: GenerationOptions = GenerationOptions()) -> GenerationStream {
        GenerationStream(session.engine) { try ConversationTurn(self, question: question, options: options) }
    }

    /// `answer` as a stream.
    public func answers(options: GenerationOptions = GenerationOptions()) -> GenerationStream {
        GenerationStream(session.engine) { try ConversationTurn(self, question: nil, options: options) }
    }

    /// Asks and hands out the reply as it comes, on the calling thread, which it blocks. A failed turn leaves the conversation as it was.
    ///
    /// What came until `onEvent` stopped it is kept.
    @discardableResult
    public func ask(
        _ question: String, options: GenerationOptions = GenerationOptions(), onEvent: (GenerationEvent) throws -> Reaction
    ) throws -> ChatReply {
        let turn = try ConversationTurn(self, question: question, options: options)
        try turn.drive(onEvent)
        return turn.reply
    }

    /// `answer`, blocking the calling thread.
    @discardableResult
    public func answer(
        options: GenerationOptions = GenerationOptions(), onEvent: (GenerationEvent) throws -> Reaction
    ) throws -> ChatReply {
        let turn = try ConversationTurn(self, question: nil, options: options)
        try turn.drive(onEvent)
        return turn.reply
    }

    // MARK: Turns

    /// Begins a turn.
    ///
    /// - Returns: what the model is to answer.
    func begin(_ question: String?) throws -> ChatRequest {
        try state.withLock { state in
            guard !state.isAnswering else {
                throw HadalError(.invalidArgument, "the conversation is being answered", hint: "wait for the reply, or end it")
            }
            state.isAnswering = true
            if let question { state.messages.append(.user(question)) }
            var request = state.request
            request.messages = (state.system.map { [.system($0)] } ?? []) + state.messages.map(Self.rendered)
            return request
        }
    }

    /// Ends a turn: with its answer, or without one as if the question had never been asked.
    func end(question: String?, answer: ChatMessage?) {
        state.withLock { state in
            state.isAnswering = false
            if let answer {
                state.messages.append(answer)
            } else if let question, state.messages.last == .user(question) {
                state.messages.removeLast()
            }
        }
    }

    /// A turn that ended before its answer began has an empty one, which some templates take for something else: a space is
    /// nothing but an answer.
    private static func rendered(_ message: ChatMessage) -> ChatMessage {
        guard message.role == .assistant, message.content.isEmpty, message.toolCalls.isEmpty else { return message }
        var message = message
        message.content = " "
        return message
    }
}
