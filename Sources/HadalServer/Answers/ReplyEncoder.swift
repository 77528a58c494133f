import Hadal
import HadalCore

/// Writes one answer in the form of an interface, streamed or whole.
///
/// All events go through `encode` and `end` in either case. Texts of a stream are complete events, each with the line ends that its form wants.
protocol ReplyEncoder: Sendable {
    init(_ answer: Answer, _ form: Form)
    /// What an interface's request says about the form of its answer.
    associatedtype Form: Sendable
    static var contentType: String { get }
    /// What is sent while nothing is to be said; nil: nothing.
    static var ping: String? { get }
    mutating func begin() -> [String]
    mutating func encode(_ event: GenerationEvent, choice: Int) -> [String]
    mutating func end(_ reply: ChatReply, choice: Int) -> [String]
    /// After the last choice.
    mutating func finish() -> [String]
    /// Instead of what is missing.
    mutating func fail(_ error: APIError) -> [String]
    /// The same before an answer could begin.
    static func fail(_ error: APIError) -> [String]
    /// The answer as one value, after the last choice.
    func whole() -> JSON
}

extension ReplyEncoder {
    static var contentType: String { "text/event-stream; charset=utf-8" }
    static var ping: String? { ": ping\n\n" }
}

/// An event of a stream of server-sent events.
func serverSentEvent(_ name: String? = nil, _ data: JSON) -> String {
    (name.map { "event: \($0)\n" } ?? "") + "data: \(data.text())\n\n"
}

/// A member that is there only in some cases. A plain `nil` would be JSON's null.
func when(_ condition: Bool, _ value: @autoclosure () -> JSON) -> JSON? { condition ? .some(value()) : Optional.none }

extension JSON {
    /// `nil` where a closure gives it would be JSON's null.
    var unlessNull: JSON? { isNull ? Optional.none : .some(self) }

    static func text(_ value: String) -> JSON { JSON(.string(value)) }
    static func number(_ value: Int) -> JSON { JSON(.int(Int64(value))) }
    static func members(_ pairs: [(String, JSON?)]) -> JSON {
        JSON(.object(JSONObject(pairs.compactMap { pair in pair.1.map { (pair.0, $0) } })))
    }
}

extension ChatReply {
    /// All tokens of the prompt, found in the cache or not.
    var allPromptTokens: Int { promptTokens + reusedTokens }
}
