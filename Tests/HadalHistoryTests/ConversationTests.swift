import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalHistory

@Suite("Conversations in a database")
struct ConversationTests {
    @Test("what is written is there for the next process", arguments: [nil, "secret"])
    func persistence(_ passphrase: String?) throws {
        let fixture = try HistoryFixture()
        if let passphrase { try fixture.history.changePassphrase(from: nil, to: passphrase) }
        let settings = #"{"model": "smollm2", "temperature": 0.5}"#
        let conversation = try fixture.history.create(title: "Sky", settings: settings)
        let question = HistoryMessage(parent: nil, role: .user, content: "Why is the sky blue?")
        let answer = HistoryMessage(
            parent: question.id, role: .assistant, content: "Scattering.\u{0}\"\\", reasoning: "Rayleigh",
            toolCalls: [.init(id: "c1", name: "look", arguments: #"{"at":"#)], model: "smollm2", state: .failed, error: "broke off",
            figures: #"{"prompt_tokens": 12, "finish_reason": "length"}"#)
        let other = HistoryMessage(parent: question.id, role: .assistant, content: "")
        let result = HistoryMessage(parent: answer.id, role: .tool, content: "up", toolCallID: "c1")
        try fixture.history.append([question, answer, other], to: conversation.id)
        try fixture.history.append([result], to: conversation.id)

        let next = fixture.reopened()
        if let passphrase { try next.unlock(passphrase) }
        let (found, messages) = try next.content(of: conversation.id)
        #expect(messages == [question, answer, other, result])
        #expect(found.title == "Sky")
        #expect(found.settings == settings)
        #expect(found.model == "smollm2")
        #expect(found.current == result.id)
        #expect(found.created == conversation.created)
        #expect(try next.message(answer.id).message == answer)
        #expect(try next.message(answer.id).conversation == conversation.id)
    }

    @Test("conversations are listed with the last changed first, page by page")
    func listing() throws {
        let fixture = try HistoryFixture()
        let history = fixture.history
        #expect(try history.conversations().isEmpty)
        let all = try ["a", "b", "c", "d"].map { try history.create(title: $0) }
        #expect(try history.titles() == ["d", "c", "b", "a"])
        _ = try history.update(all[1].id, title: "B")
        try history.append([HistoryMessage(parent: nil, role: .user, content: "x")], to: all[0].id)
        #expect(try history.titles() == ["a", "B", "d", "c"])
        let page = try history.conversations(limit: 3)
        #expect(page.map(\.conversation.title) == ["a", "B", "d"])
        let rest = try history.conversations(limit: 3, before: page[2].conversation.updated)
        #expect(rest.map(\.conversation.title) == ["c"])
        #expect(rest[0].snippet == nil)
    }

    @Test("settings, title and the current message are changed apart")
    func changes() throws {
        let fixture = try HistoryFixture()
        let conversation = try fixture.history.add("One\nline\u{0}", ["a", "b"])
        #expect(conversation.title == "One line ")
        let messages = try fixture.history.content(of: conversation.id).messages
        #expect(conversation.current == messages[1].id)
        #expect(try fixture.history.update(conversation.id, settings: #"{"model":"m"}"#).title == "One line ")
        let changed = try fixture.history.update(conversation.id, current: messages[0].id)
        #expect(changed.current == messages[0].id)
        #expect(changed.model == "m")
        #expect(try fixture.history.conversation(conversation.id) == changed)
        let other = try fixture.history.add("Other", ["c"])
        expectError(.notFound, "no such message") { try fixture.history.update(conversation.id, current: other.current) }
        expectError(.malformed, "settings:1:1") { try fixture.history.update(conversation.id, settings: "model") }
        expectError(.malformed, "must be an object") { try fixture.history.create(title: "", settings: "[]") }
        expectError(.limitExceeded) { try fixture.history.create(title: String(repeating: "t", count: 1001)) }
        #expect(try fixture.history.conversation(conversation.id) == changed)
    }

    @Test("an answer is written again while it comes, and ends as stopped when its server does not go on")
    func streaming() throws {
        let fixture = try HistoryFixture()
        let conversation = try fixture.history.add("t", ["question"])
        var answer = HistoryMessage(parent: conversation.current, role: .assistant, content: "", state: .streaming)
        try fixture.history.append([answer], to: conversation.id)
        answer.content = "half an"
        try fixture.history.update(answer)
        #expect(try fixture.history.message(answer.id).message == answer)
        #expect(try fixture.history.stopAbandonedAnswers(after: 60) == 0)
        #expect(try fixture.history.message(answer.id).message.state == .streaming)
        #expect(try fixture.history.stopAbandonedAnswers(after: -1) == 1)
        #expect(try fixture.history.message(answer.id).message.state == .stopped)
        #expect(try fixture.history.message(answer.id).message.content == "half an")
        answer.parent = nil
        expectError(.invalidArgument, "another parent") { try fixture.history.update(answer) }
    }

    @Test("what is not there is not found, and nothing is written in part")
    func refusals() throws {
        let fixture = try HistoryFixture()
        let history = fixture.history
        let conversation = try history.add("t", ["a"])
        let other = try history.add("o", ["b"])
        expectError(.notFound) { try history.conversation("none") }
        expectError(.notFound) { try history.content(of: "none") }
        expectError(.notFound) { try history.message("none") }
        expectError(.notFound) { try history.delete("none") }
        expectError(.notFound) { try history.update("none", title: "x") }
        expectError(.notFound) { try history.update(HistoryMessage(parent: nil, role: .user, content: "")) }
        expectError(.notFound) { try history.append([HistoryMessage(parent: nil, role: .user, content: "")], to: "none") }
        let good = HistoryMessage(parent: nil, role: .user, content: "good")
        let stray = HistoryMessage(parent: other.current, role: .user, content: "stray")
        expectError(.notFound, "no message") { try history.append([good, stray], to: conversation.id) }
        expectError(.invalidArgument, "already") { try history.append([good, good], to: conversation.id) }
        expectError(.invalidArgument, "id") {
            try history.append([HistoryMessage(id: "a/b", parent: nil, role: .user, content: "")], to: conversation.id)
        }
        expectError(.malformed, "figures") {
            try history.append([HistoryMessage(parent: nil, role: .user, content: "", figures: "{")], to: conversation.id)
        }
        let deep = #"{"a": "# + String(repeating: "[", count: 70) + String(repeating: "]", count: 70) + "}"
        expectError(.limitExceeded, "figures") {
            try history.append([HistoryMessage(parent: nil, role: .user, content: "", figures: deep)], to: conversation.id)
        }
        expectError(.limitExceeded, "settings") { try history.update(conversation.id, settings: deep) }
        #expect(try history.content(of: conversation.id).messages.map(\.content) == ["a"])
    }

    @Test("nobody but the user is let in")
    func permissions() throws {
        let fixture = try HistoryFixture()
        try fixture.history.add("t", ["a"])
        #expect(try fixture.mode(fixture.directory) == 0o700)
        #expect(fixture.names == ["history.sqlite"])
        #expect(try fixture.mode(fixture.files.database) == 0o600)
        // As an earlier program, or a copy, may have left it.
        #expect(chmod(fixture.directory, 0o755) == 0)
        #expect(chmod(fixture.files.database, 0o644) == 0)
        _ = fixture.reopened()
        #expect(try fixture.mode(fixture.directory) == 0o700)
        #expect(try fixture.mode(fixture.files.database) == 0o600)
        try fixture.history.changePassphrase(from: nil, to: "p")
        for name in fixture.names { #expect(try fixture.mode("\(fixture.directory)/\(name)") == 0o600) }
    }

    @Test("where it lies")
    func directories() throws {
        func directory(_ variables: [String: String]) throws -> String { try History.defaultDirectory { variables[$0] } }
        #expect(try directory(["HADAL_HISTORY": "/h/", "HOME": "/u"]) == "/h")
        #expect(try directory(["XDG_DATA_HOME": "/d", "HOME": "/u"]) == "/d/hadal/history")
        #expect(try directory(["XDG_DATA_HOME": "d", "HOME": "/u"]) == "/u/.local/share/hadal/history")
        expectError(.notFound, "HOME") { try directory(["HOME": ""]) }
    }

    @Test("the page's JSON")
    func json() throws {
        let message = HistoryMessage(
            id: "m", parent: "p", role: .assistant, content: "c", reasoning: "r", toolCalls: [.init(id: "i", name: "n", arguments: "{}")],
            created: 5, model: "x", figures: #"{"cached_tokens": 1}"#)
        #expect(
            message.json.text() == #"{"id": "m", "parent": "p", "role": "assistant", "content": "c", "reasoning": "r", "tool_calls": "#
                + #"[{"id": "i", "name": "n", "arguments": "{}"}], "tool_call_id": null, "model": "x", "error": null, "#
                + #""figures": {"cached_tokens": 1}, "created": 5.0, "state": "complete"}"#)
        let conversation = HistoryConversation(id: "k", title: "T", created: 1, updated: 2, settings: #"{"model": "x"}"#, current: "m")
        #expect(
            conversation.json.text() == #"{"id": "k", "title": "T", "created": 1.0, "updated": 2.0, "temporary": false, "#
                + #""settings": {"model": "x"}, "current": "m"}"#)
        var status = History.Status(state: .locked, hasPassphrase: true, isReadOnly: false)
        #expect(status.json.text() == #"{"available": true, "locked": true, "passphrase": true, "problem": null}"#)
        (status.isReadOnly, status.report) = (true, "Damaged.")
        #expect(status.problem == "Damaged. The history can only be read: its directory cannot be written.")
        status.state = .unavailable(HadalError(.io, "no disk"))
        #expect(status.json.text() == #"{"available": false, "locked": false, "passphrase": true, "problem": "no disk"}"#)
        #expect(
            HistoryListing(conversation: conversation, snippet: nil).json.text() == #"{"id": "k", "title": "T", "model": "x", "#
                + #""created": 1.0, "updated": 2.0, "temporary": false, "snippet": null}"#)
    }
}
