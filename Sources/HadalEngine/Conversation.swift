import HadalCore
import HadalText

/// A chat with one session: turns are rendered by the model's template, and what the session already holds is not computed again.
///
/// Not thread-safe.
public struct Conversation {
    public struct Turn: Sendable {
        public var answer: String
        /// Tokens of the rendered prompt that had to be processed.
        public var promptTokens: Int
        public var prefillSeconds: Double
        public var summary: GenerationSummary
    }

    public private(set) var session: Session
    public private(set) var messages: [ChatMessage] = []
    public var system: String?

    public init(engine: Engine, system: String? = nil) {
        session = engine.makeSession()
        self.system = system
    }

    /// Forgets all turns; the system message stays.
    public mutating func clear() { messages = [] }

    /// Takes back the last question and its answer.
    public mutating func undo() { messages.removeLast(min(2, messages.count)) }

    /// Asks and streams the answer. A failed turn leaves the conversation as it was.
    ///
    /// - Parameter onText: returns false to stop the answer; what came until then is kept.
    public mutating func ask(
        _ question: String, options: GenerationOptions, onText: (String) throws -> Bool
    ) throws -> Turn {
        let engine = session.engine
        var all = messages
        if let system { all.insert(ChatMessage(role: "system", content: system), at: 0) }
        all.append(ChatMessage(role: "user", content: question))
        let ids = try engine.encodeChat(all)
        // The last token is always run again, because its logits are needed.
        var common = 0
        let held = session.tokens
        while common < min(held.count, ids.count - 1), held[common] == ids[common] { common += 1 }
        try session.rollback(to: common)
        let start = ContinuousClock.now
        try session.append(Array(ids[common...]))
        let prefill = (ContinuousClock.now - start).seconds
        var answer = ""
        let summary = try session.generate(options) { event in
            guard case .text(let piece) = event else { return true }
            answer += piece
            return try onText(piece)
        }
        messages.append(ChatMessage(role: "user", content: question))
        messages.append(ChatMessage(role: "assistant", content: answer))
        return Turn(answer: answer, promptTokens: ids.count - common, prefillSeconds: prefill, summary: summary)
    }
}
