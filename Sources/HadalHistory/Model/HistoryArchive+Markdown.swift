import HadalCore

extension HistoryArchive.Item {
    /// The path that is shown, as Markdown: a heading for each message, reasoning folded away, calls of tools as blocks of code. It can be imported
    /// (`HistoryArchive.init(markdown:file:)`).
    package var markdown: String {
        var out = "# \(Self.line(conversation.title))\n"
        for message in path {
            let name =
                switch message.role {
                case .user: "User"
                case .assistant: message.model.map { "Assistant (\(Self.line($0)))" } ?? "Assistant"
                case .tool: "Tool"
                }
            out += "\n## \(name)\n"
            if !message.reasoning.isEmpty {
                let title = "\(MarkdownLine.reasoningStart)\n\(MarkdownLine.reasoningTitle)"
                out += "\n\(title)\n\n\(MarkdownLine.escaped(message.reasoning))\n\n\(MarkdownLine.reasoningEnd)\n"
            }
            let content = message.content
            if !content.isEmpty { out += "\n\(message.role == .tool ? Self.fenced(content) : MarkdownLine.escaped(content))\n" }
            for call in message.toolCalls { out += "\nCall of `\(Self.line(call.name))`:\n\n\(Self.fenced(call.arguments))\n" }
            if let error = message.error { out += "\n*Failed: \(Self.line(error))*\n" }
        }
        return out
    }

    /// The messages from the first to `current`; without one, to the one that came last.
    package var path: [HistoryMessage] {
        let known = Dictionary(messages.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var (path, next): ([HistoryMessage], String?) = ([], conversation.current ?? messages.last?.id)
        // No more steps than messages: what was read from a file may have a circle.
        while let id = next, let message = known[id], path.count < messages.count {
            path.append(message)
            next = message.parent
        }
        return path.reversed()
    }

    private static func line(_ text: String) -> String { text.split(whereSeparator: \.isNewline).joined(separator: " ") }

    /// In a fence that is longer than any in the text.
    private static func fenced(_ text: String) -> String {
        var (longest, run) = (0, 0)
        for byte in text.utf8 {
            run = byte == UInt8(ascii: "`") ? run + 1 : 0
            longest = max(longest, run)
        }
        let fence = String(repeating: "`", count: max(3, longest + 1))
        return "\(fence)\n\(MarkdownLine.escaped(text))\n\(fence)"
    }
}
