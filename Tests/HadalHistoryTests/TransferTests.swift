import HadalCore
import TestSupport
import Testing

@testable import HadalHistory

@Suite("Export and import")
struct TransferTests {
    /// A tree: a question with two answers, one of which goes on.
    private static func fill(_ history: History) throws -> HistoryConversation {
        let conversation = try history.create(title: "Tree", settings: #"{"model": "m", "tools": [{"type": "function"}]}"#)
        let question = HistoryMessage(parent: nil, role: .user, content: "Which tools?")
        let first = HistoryMessage(
            parent: question.id, role: .assistant, content: "", reasoning: "I have to look.",
            toolCalls: [.init(id: "c1", name: "list", arguments: #"{"all": "```"}"#)], model: "m", figures: #"{"generated_tokens": 5}"#)
        let result = HistoryMessage(parent: first.id, role: .tool, content: "hammer", toolCallID: "c1")
        let second = HistoryMessage(parent: question.id, role: .assistant, content: "None.", state: .failed, error: "out of\nmemory")
        try history.append([question, first, result, second], to: conversation.id)
        return try history.update(conversation.id, current: result.id)
    }

    @Test("what is exported is imported as it was, into another history", arguments: [nil, "p"])
    func roundTrip(_ passphrase: String?) throws {
        let (one, two) = (try HistoryFixture(), try HistoryFixture())
        _ = try Self.fill(one.history)
        try one.history.add("天空", ["为什么？", "因为。"])
        if let passphrase { try two.history.changePassphrase(from: nil, to: passphrase) }
        let archive = try one.history.exportAll()
        let text = archive.json.text()
        #expect(text.hasPrefix(#"{"hadal": "conversations/1", "conversations": [{"id": "#))
        #expect(try two.history.importConversations(Array(text.utf8)) == 2)
        #expect(try two.history.exportAll() == archive)
        #expect(try two.history.titles() == one.history.titles())
        #expect(try two.history.titles("hammer") == ["Tree"])
    }

    @Test("what is there already comes once more under other ids")
    func collisions() throws {
        let fixture = try HistoryFixture()
        let conversation = try Self.fill(fixture.history)
        let archive = try fixture.history.export(conversation.id)
        try fixture.history.importConversations(Array(archive.json.text().utf8))
        let all = try fixture.history.exportAll().items
        #expect(all.count == 2)
        #expect(all[0] == archive.items[0])
        #expect(Set(all.flatMap(\.messages).map(\.id)).count == 8)
        #expect(all[1].messages.map(\.content) == all[0].messages.map(\.content))
        #expect(all[1].path.map(\.content) == ["Which tools?", "", "hammer"])
        #expect(all[1].messages[3].parent == all[1].messages[0].id)
        #expect(all[1].conversation.settings == conversation.settings)
    }

    @Test("an answer that was coming when it was exported is stopped")
    func streaming() throws {
        let fixture = try HistoryFixture()
        let conversation = try fixture.history.add("t", ["a"])
        let answer = HistoryMessage(parent: conversation.current, role: .assistant, content: "b", state: .streaming)
        try fixture.history.append([answer], to: conversation.id)
        let text = try fixture.history.exportAll().json.text()
        try fixture.history.deleteAll()
        try fixture.history.importConversations(Array(text.utf8))
        #expect(try fixture.history.message(answer.id).message.state == .stopped)
    }

    @Test("Markdown has the path that is shown, with reasoning folded away")
    func markdown() throws {
        let fixture = try HistoryFixture()
        let conversation = try Self.fill(fixture.history)
        let item = try fixture.history.export(conversation.id).items[0]
        #expect(
            item.markdown == """
                # Tree

                ## User

                Which tools?

                ## Assistant (m)

                <details>
                <summary>Reasoning</summary>

                I have to look.

                </details>

                Call of `list`:

                ````
                {"all": "```"}
                ````

                ## Tool

                ```
                hammer
                ```

                """)
        _ = try fixture.history.update(conversation.id, current: item.messages[3].id)
        let other = try fixture.history.export(conversation.id).items[0].markdown
        #expect(other.hasSuffix("## Assistant\n\nNone.\n\n*Failed: out of memory*\n"))
    }

    @Test("Markdown that was exported is imported with the path that was shown, whatever its texts say")
    func markdownRoundTrip() throws {
        let (one, two) = (try HistoryFixture(), try HistoryFixture())
        let tree = try Self.fill(one.history)
        let texts = [
            "## User\n\\## Tool\n\\\\## Assistant (x)\nplain \\ text", "<details>\n<summary>Reasoning</summary>\n\nno\n\n</details>",
            "Call of `x`:\n\n```\n{}\n```\n\nand more", "*Failed: not at all*", "```\n## User\n```\n\n*Failed: x*\n\n  indented\n\tend",
        ]
        let strange = try one.history.create(title: "天空 # ## User", settings: "{}")
        var parent: String?
        for text in texts {
            let question = HistoryMessage(parent: parent, role: .user, content: text)
            let answer = HistoryMessage(
                parent: question.id, role: .assistant, content: text, reasoning: text,
                toolCalls: [.init(id: "a", name: "one", arguments: text), .init(id: "b", name: "`two`", arguments: "{}")], model: "m (x)")
            let first = HistoryMessage(parent: answer.id, role: .tool, content: text, toolCallID: "a")
            let second = HistoryMessage(parent: first.id, role: .tool, content: "````", toolCallID: "b")
            try one.history.append([question, answer, first, second], to: strange.id)
            parent = second.id
        }
        let failed = HistoryMessage(parent: parent, role: .assistant, content: "half", state: .failed, error: "out of memory")
        try one.history.append([failed], to: strange.id)
        for conversation in [tree.id, strange.id] {
            let item = try one.history.export(conversation).items[0]
            #expect(try two.history.importMarkdown(Array(item.markdown.utf8)) == 1)
            let read = try #require(two.history.exportAll().items.last)
            #expect(read.conversation.title == item.conversation.title && read.conversation.current == read.messages.last?.id)
            // Ids are new, and so are the times: what is compared is what was said, and which result belongs to which call.
            func said(_ messages: [HistoryMessage]) -> [String] {
                var calls: [String: String] = [:]
                return messages.map { message in
                    for call in message.toolCalls { calls[call.id] = call.name }
                    let names = message.toolCalls.map { "\($0.name)(\($0.arguments))" }
                    let result = message.toolCallID.map { calls[$0] ?? "no call" } ?? ""
                    let texts = [
                        message.role.rawValue, message.content, message.reasoning, result, message.model ?? "", message.state.rawValue,
                    ]
                    return (texts + names + [message.error ?? ""]).joined(separator: "|")
                }
            }
            #expect(said(read.messages) == said(item.path))
            #expect(read.path == read.messages)
        }
    }

    @Test("Markdown that no export is: what can be read, and what is refused")
    func otherMarkdown() throws {
        let fixture = try HistoryFixture()
        #expect(
            try fixture.history.importMarkdown(Array("notes\r\n## User\r\nHello,\r\n\r\nyou\r\n## Assistant\r\n<details>\r\nx".utf8)) == 1)
        let item = try fixture.history.exportAll().items[0]
        #expect(item.conversation.title == "" && item.messages.map(\.content) == ["Hello,\n\nyou", "<details>\nx"])
        let long = "# \(String(repeating: "t", count: 5000))\n## Tool\n```\nopen"
        #expect(try fixture.history.importMarkdown(Array(long.utf8)) == 1)
        for (bytes, part) in [(Array("# Only a title\n".utf8), "no message"), ([], "no message"), ([0x23, 0xFF], "UTF-8")] {
            do {
                try fixture.history.importMarkdown(bytes, file: "talk.md")
                Issue.record("nothing was thrown")
            } catch let error as HadalError {
                #expect(
                    error.code == .malformed && error.description.hasPrefix("talk.md: ") && error.description.contains(part), "\(error)")
            }
        }
        #expect(try fixture.history.conversations().count == 2)
    }

    private static let message = #"{"id": "a", "parent": null, "role": "user", "content": "c", "created": 1, "state": "complete"}"#

    private static func file(_ messages: String, current: String = "null") -> String {
        """
        {"hadal": "conversations/1", "conversations": [
        {"id": "good", "title": "", "created": 1, "updated": 1, "messages": []},
        {"id": "k", "title": "t", "created": 1, "updated": 2, "current": \(current), "settings": {}, "messages": [\(messages)]}]}
        """
    }

    @Test(
        "what breaks the format is refused with its place, and nothing is imported",
        arguments: [
            ("", "1:1"), ("[]", "1:1"), ("{}", "hadal"), (#"{"hadal": "conversations/2", "conversations": []}"#, "1:11"),
            (#"{"hadal": "conversations/1"}"#, "conversations"), (file("5"), "3:"), (file("{}"), "'id' is missing"),
            (file(message + "," + message), "two messages"), (file(message, current: #""x""#), "'current'"),
            (file(message, current: "5"), "current"),
            (file(message.replacing("null", with: #""b""#)), "parent"), (file(message.replacing("null", with: #""a""#)), "parent"),
            (file(message.replacing("user", with: "king")), "role"), (file(message.replacing("complete", with: "asleep")), "state"),
            (file(message.replacing(#""a""#, with: #""../a""#)), "id"), (file(message.replacing("1,", with: "-1,")), "created"),
            (file(message.replacing("1,", with: "NaN,")), "created"),
            (file(message.replacing(#""c""#, with: "[]")), "content"),
            (file(message.replacing(#""c""#, with: #""c", "figures": 5"#)), "figures"),
            (file(message.replacing(#""c""#, with: #""c", "tool_calls": [{"id": "x"}]"#)), "name"),
            (file(message).replacing(#""t""#, with: "null"), "title"), (file(message).replacing(#""k""#, with: "\"\""), "id"),
            (file(message).replacing(#""settings": {}"#, with: #""settings": []"#), "settings"),
            (file(message).replacing(#""t""#, with: "\"" + String(repeating: "t", count: 2000) + "\""), "title"),
            (file(message) + "x", "3:"), (String(repeating: "[", count: 100_000), "nested"),
        ])
    func malformed(_ text: String, _ part: String) throws {
        let fixture = try HistoryFixture()
        do {
            try fixture.history.importConversations(Array(text.utf8), file: "conversations.json")
            Issue.record("nothing was thrown: \(text.prefix(300))")
        } catch let error as HadalError {
            #expect([.malformed, .limitExceeded, .unsupported].contains(error.code))
            #expect(error.description.hasPrefix("conversations.json:"), "\(error)")
            #expect(error.description.contains(part), "\(error)")
        }
        #expect(try fixture.history.conversations().isEmpty)
    }

    @Test("the smallest file, and members that a later version may add")
    func small() throws {
        let fixture = try HistoryFixture()
        let text = Self.file(Self.message.replacing(#""c""#, with: #""c", "mood": "good""#)).replacing(
            #""t""#, with: #""t", "pinned": true"#)
        #expect(try fixture.history.importConversations(Array(text.utf8)) == 2)
        #expect(try fixture.history.content(of: "k").messages.map(\.content) == ["c"])
    }

    @Test("whatever is imported is imported whole or refused, and can be exported again", arguments: [UInt64(1), 2, 3, 4])
    func random(_ seed: UInt64) throws {
        let source = try HistoryFixture()
        _ = try Self.fill(source.history)
        try source.history.add("u", ["a", "b"])
        let text = Array(try source.history.exportAll().json.text().utf8)
        let target = try HistoryFixture()
        var generator = SplitMix64(seed: seed)
        let pieces = [#"""#, "{", "}", "[", "]", ",", ":", "null", "\\", "\\u0000", "1e999", "-", "\u{0}", "\u{7F}", "é"].map {
            Array($0.utf8)
        }
        var imported = 0
        for _ in 0..<150 {
            var bytes = text
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let at = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<5, using: &generator) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...30, using: &generator)))
                case 2: bytes.insert(contentsOf: pieces[Int.random(in: 0..<pieces.count, using: &generator)], at: at)
                case 3: bytes = Array(bytes.prefix(at + 1))
                default:
                    let from = Int.random(in: 0..<bytes.count, using: &generator)
                    bytes.insert(contentsOf: Array(bytes[from..<min(bytes.count, from + 40)]), at: at)
                }
            }
            let before = try target.history.conversations(limit: 10_000).count
            do {
                let count = try target.history.importConversations(bytes)
                #expect(try target.history.conversations(limit: 10_000).count == before + count)
                imported += 1
            } catch let error as HadalError {
                #expect([.malformed, .limitExceeded, .unsupported].contains(error.code), "\(error)")
                #expect(try target.history.conversations(limit: 10_000).count == before)
            }
        }
        #expect((1..<150).contains(imported))
        let archive = try target.history.exportAll()
        for item in archive.items { _ = item.markdown }
        let last = try HistoryFixture()
        try last.history.importConversations(Array(archive.json.text().utf8))
        #expect(try last.history.exportAll() == archive)
    }
}
