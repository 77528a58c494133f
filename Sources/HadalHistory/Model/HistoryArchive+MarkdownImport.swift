import HadalCore

extension HistoryArchive {
    /// Reads what `Item.markdown` gives: one conversation of one branch, whose ids and times are new.
    ///
    /// - Parameters:
    ///   - bytes: UTF-8. What goes before the first message is the title, where it is a heading, and is left out otherwise.
    ///   - file: what to call the text in errors.
    /// - Throws: `malformed` where it has no message, `limitExceeded`.
    package init(markdown bytes: [UInt8], file: String) throws {
        guard bytes.count <= Self.maximumSize else {
            throw HadalError(.limitExceeded, "the file is larger than \(Self.maximumSize >> 20) MiB", at: SourcePlace(file))
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw HadalError(.malformed, "is not UTF-8", at: SourcePlace(file))
        }
        do { items = [try MarkdownReader(text.replacing("\r\n", with: "\n")).item()] } catch let error as HadalError {
            throw error.located(at: SourcePlace(file))
        }
    }
}

/// Takes exported Markdown apart. A value.
private struct MarkdownReader {
    private let lines: [Substring]
    private let now = HistoryClock.now

    init(_ text: String) { lines = MarkdownLine.lines(text) }

    func item() throws -> HistoryArchive.Item {
        let starts = lines.indices.filter { if case .message = MarkdownLine(lines[$0]) { true } else { false } }
        guard let first = starts.first else {
            throw HadalError(.malformed, "has no message: a line '## User', '## Assistant' or '## Tool' begins one")
        }
        guard starts.count <= HistoryArchive.maximumMessages else {
            throw HadalError(.limitExceeded, "more than \(HistoryArchive.maximumMessages) messages")
        }
        var messages: [HistoryMessage] = [], open: [String] = []
        for (start, end) in zip(starts, starts.dropFirst() + [lines.count]) {
            guard case .message(let role, let model) = MarkdownLine(lines[start]) else { continue }
            var message = HistoryMessage(parent: messages.last?.id, role: role, content: "", created: now, model: model)
            Self.fill(&message, lines[(start + 1)..<end])
            switch role {
            // Results come in the order of the calls.
            case .tool: message.toolCallID = open.isEmpty ? nil : open.removeFirst()
            case .assistant: open = message.toolCalls.map(\.id)
            case .user: open = []
            }
            try History.check(message)
            messages.append(message)
        }
        let heading = lines[..<first].first { $0.hasPrefix("# ") }.map { String($0.dropFirst(2).prefix(History.maximumTitle)) }
        return HistoryArchive.Item(
            conversation: HistoryConversation(title: try History.title(heading ?? ""), current: messages.last?.id), messages: messages)
    }

    private static func fill(_ message: inout HistoryMessage, _ body: ArraySlice<Substring>) {
        var rest = trimmed(body)
        guard message.role != .user else { return message.content = MarkdownLine.text(of: rest) }
        if message.role == .tool {
            return message.content = takeFence(&rest) ?? MarkdownLine.text(of: rest)
        }
        if rest.first.map({ MarkdownLine($0) }) == .reasoning, rest.dropFirst().first == MarkdownLine.reasoningTitle,
            let end = rest.firstIndex(where: { MarkdownLine($0) == .endOfReasoning })
        {
            message.reasoning = MarkdownLine.text(of: trimmed(rest[(rest.startIndex + 2)..<end]))
            rest = trimmed(rest[(end + 1)...])
        }
        var content: [Substring] = []
        while let line = rest.first {
            rest = rest.dropFirst()
            switch MarkdownLine(line) {
            case .call(let name):
                var after = trimmed(rest)
                guard let arguments = takeFence(&after) else {
                    content.append(line)
                    continue
                }
                message.toolCalls.append(HistoryMessage.ToolCall(id: "call_" + HistoryID.make(), name: name, arguments: arguments))
                rest = after
            case .failure(let error) where trimmed(rest).isEmpty: (message.state, message.error) = (.failed, error)
            default: content.append(line)
            }
        }
        message.content = MarkdownLine.text(of: trimmed(content[...]))
    }

    /// The text of a block of code at the beginning of the lines, which are those behind it then; nil where there is none.
    private static func takeFence(_ lines: inout ArraySlice<Substring>) -> String? {
        guard let fence = lines.first, fence.count >= 3, fence.allSatisfy({ $0 == "`" }) else { return nil }
        guard let end = lines.dropFirst().firstIndex(of: fence) else { return nil }
        defer { lines = lines[(end + 1)...] }
        return MarkdownLine.text(of: lines[(lines.startIndex + 1)..<end])
    }

    /// Without empty lines at both ends.
    private static func trimmed(_ lines: ArraySlice<Substring>) -> ArraySlice<Substring> {
        var lines = lines
        while let line = lines.first, line.allSatisfy(\.isWhitespace) { lines.removeFirst() }
        while let line = lines.last, line.allSatisfy(\.isWhitespace) { lines.removeLast() }
        return lines
    }
}
