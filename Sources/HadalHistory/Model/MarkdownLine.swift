/// A line of exported Markdown, and what it says of the conversation. A value.
///
/// A line of a message's own text that reads like one of these is written with a backslash before it, which Markdown does not show.
enum MarkdownLine: Equatable {
    case message(HistoryMessage.Role, model: String?)
    case reasoning, endOfReasoning
    case call(name: String)
    case failure(String)
    case text

    static let reasoningStart: Substring = "<details>"
    static let reasoningTitle: Substring = "<summary>Reasoning</summary>"
    static let reasoningEnd: Substring = "</details>"

    init(_ line: Substring) {
        func inside(_ start: String, _ end: String) -> String? {
            guard line.hasPrefix(start), line.hasSuffix(end), line.count >= start.count + end.count else { return nil }
            return String(line.dropFirst(start.count).dropLast(end.count))
        }
        switch line {
        case "## User": self = .message(.user, model: nil)
        case "## Tool": self = .message(.tool, model: nil)
        case "## Assistant": self = .message(.assistant, model: nil)
        case Self.reasoningStart: self = .reasoning
        case Self.reasoningEnd: self = .endOfReasoning
        default:
            if let model = inside("## Assistant (", ")") {
                self = .message(.assistant, model: model)
            } else if let name = inside("Call of `", "`:") {
                self = .call(name: name)
            } else if let error = inside("*Failed: ", "*") {
                self = .failure(error)
            } else {
                self = .text
            }
        }
    }

    /// A text whose lines say nothing of the conversation.
    static func escaped(_ text: String) -> String {
        lines(text).map { isMarked($0) ? "\\" + $0 : String($0) }.joined(separator: "\n")
    }

    /// The text that `escaped` was given.
    static func text(of lines: some Sequence<Substring>) -> String {
        lines.map { $0.first == "\\" && isMarked($0.dropFirst()) ? String($0.dropFirst()) : String($0) }.joined(separator: "\n")
    }

    private static func isMarked(_ line: Substring) -> Bool { MarkdownLine(line.drop { $0 == "\\" }) != .text }

    static func lines(_ text: String) -> [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
}
