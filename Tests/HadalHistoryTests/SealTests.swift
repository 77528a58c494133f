import Foundation
import GRDB
import HadalCipher
import HadalCore
import TestSupport
import Testing

@testable import HadalHistory

@Suite("A history with a passphrase")
struct SealTests {
    /// A title, a thousand messages and settings, each with a word of its own that occurs nowhere else.
    private static let words = (0..<1000).map { "wort\($0)silbe" }

    private static func fill(_ history: History) throws -> HistoryConversation {
        let conversation = try history.create(title: "titleword", settings: #"{"model": "modelword", "system": "systemword"}"#)
        var parent: String?
        let messages = words.enumerated().map { number, word in
            let message = HistoryMessage(
                parent: parent, role: number % 2 == 0 ? .user : .assistant, content: "\(word) in a sentence", reasoning: "because \(word)",
                toolCalls: [.init(id: "c", name: "toolword", arguments: "{}")], model: "modelword", error: "errorword",
                figures: #"{"finish_reason": "figureword"}"#)
            parent = message.id
            return message
        }
        try history.append(messages, to: conversation.id)
        return conversation
    }

    private static let secrets =
        words + ["titleword", "modelword", "systemword", "toolword", "errorword", "figureword", "sentence", "because"]

    /// The words that some file of the directory holds.
    private func found(in fixture: HistoryFixture) throws -> [String] {
        let files = try fixture.names.map { try HistoryFixture.bytes("\(fixture.directory)/\($0)") }
        return Self.secrets.filter { word in files.contains { TextSearch.first(of: Array(word.utf8), in: $0, from: 0) != nil } }
    }

    @Test("no word is in any file, whether it was written before the passphrase was set or after")
    func secrecy() throws {
        let fixture = try HistoryFixture()
        let early = try Self.fill(fixture.history)
        #expect(try found(in: fixture).count == Self.secrets.count)
        try fixture.history.changePassphrase(from: nil, to: "pass phrase")
        #expect(try found(in: fixture) == [])
        let late = try Self.fill(fixture.history)
        #expect(try fixture.history.titles("wort999silbe").count == 2)
        try fixture.history.add("titleword", [Self.words[3]])
        #expect(try found(in: fixture) == [])
        #expect(try fixture.files(with: "pass phrase") == [])
        #expect(fixture.names == ["history.passphrase", "history.sqlite"])
        let (conversation, messages) = try fixture.history.content(of: early.id)
        #expect(conversation.title == "titleword")
        #expect(messages.map(\.content) == Self.words.map { "\($0) in a sentence" })
        #expect(try fixture.history.content(of: late.id).messages.count == 1000)
    }

    @Test("what was in the old file is overwritten, not only unlinked")
    func oldFile() throws {
        let fixture = try HistoryFixture()
        try fixture.history.add("titleword", Self.words)
        let link = "\(fixture.directory)/history.sqlite.link"
        try FileManager.default.linkItem(atPath: fixture.files.database, toPath: link)
        try fixture.history.changePassphrase(from: nil, to: "p")
        let bytes = try HistoryFixture.bytes(link)
        #expect(bytes.count > 10_000)
        #expect(bytes.allSatisfy { $0 == 0 })
    }

    @Test("nothing can be read, written or found without the passphrase, and a wrong one changes nothing")
    func locking() throws {
        let fixture = try HistoryFixture()
        #expect(fixture.history.status == History.Status(state: .open, hasPassphrase: false, isReadOnly: false))
        let conversation = try fixture.history.add("t", ["content"])
        #expect(try fixture.history.seal(of: conversation.id) == ConversationSeal(salt: "conversation \(conversation.id)", key: nil))
        try fixture.history.changePassphrase(from: nil, to: "right")
        #expect(fixture.history.status == History.Status(state: .open, hasPassphrase: true, isReadOnly: false))
        let seal = try fixture.history.seal(of: conversation.id)
        #expect(seal.key?.count == 32 && !seal.salt.contains(conversation.id))

        let history = fixture.reopened()
        let message = HistoryMessage(parent: nil, role: .user, content: "x")
        func refuse(_ body: () throws -> Void) {
            #expect(throws: HistoryAccessError.locked) { try body() }
        }
        func refuseAll() {
            #expect(history.state == .locked)
            refuse { _ = try history.seal(of: conversation.id) }
            refuse { _ = try history.allSeals() }
            refuse { _ = try history.conversations() }
            refuse { _ = try history.conversations(matching: "content") }
            refuse { _ = try history.conversation(conversation.id) }
            refuse { _ = try history.content(of: conversation.id) }
            refuse { _ = try history.message("x") }
            refuse { _ = try history.create(title: "t") }
            refuse { _ = try history.update(conversation.id, title: "t") }
            refuse { try history.append([message], to: conversation.id) }
            refuse { try history.update(message) }
            refuse { try history.delete(conversation.id) }
            refuse { try history.deleteAll() }
            refuse { _ = try history.exportAll() }
            refuse { _ = try history.importConversations(Array(#"{"hadal": "conversations/1", "conversations": []}"#.utf8)) }
        }
        refuseAll()
        let before = try HistoryFixture.bytes(fixture.files.database)
        for wrong in ["wrong", "", "Right", "right ", String(repeating: "r", count: 10_000)] {
            #expect(throws: HistoryAccessError.wrongPassphrase) { try history.unlock(wrong) }
            #expect(throws: HistoryAccessError.wrongPassphrase) { try history.changePassphrase(from: wrong, to: "new") }
            #expect(throws: HistoryAccessError.wrongPassphrase) { try history.changePassphrase(from: wrong, to: nil) }
        }
        #expect(throws: HistoryAccessError.wrongPassphrase) { try history.changePassphrase(from: nil, to: "new") }
        refuseAll()
        #expect(try HistoryFixture.bytes(fixture.files.database) == before)
        try history.unlock("right")
        #expect(history.state == .open)
        #expect(try history.seal(of: conversation.id) == seal)
        #expect(try history.titles("content") == ["t"])
        // A wrong one while it is open changes nothing either.
        #expect(throws: HistoryAccessError.wrongPassphrase) { try history.unlock("wrong") }
        #expect(try history.allSeals() == [seal])
        history.lock()
        refuseAll()
    }

    @Test("a passphrase is changed and removed, with the conversations as they were")
    func changing() throws {
        let fixture = try HistoryFixture()
        let history = fixture.history
        expectError(.invalidArgument, "empty") { try history.changePassphrase(from: nil, to: "") }
        expectError(.invalidArgument, "no passphrase") { try history.unlock("x") }
        try history.changePassphrase(from: nil, to: nil)
        #expect(history.status.hasPassphrase == false)
        try history.add("one", ["a", "b"])
        try history.add("two", ["c"])
        let archive = try history.exportAll()

        try history.changePassphrase(from: nil, to: "first")
        let first = try history.allSeals()
        #expect(Set(first.map(\.salt)).count == 2 && Set(first.map(\.key)).count == 2)
        let keys = try wrappedKeys(fixture)
        #expect(keys.count == 2)
        try history.changePassphrase(from: "first", to: "second")
        let second = try history.allSeals()
        #expect(zip(first, second).allSatisfy { $0.key != $1.key && $0.salt != $1.salt })
        let bytes = try HistoryFixture.bytes(fixture.files.database)
        for key in keys { #expect(TextSearch.first(of: key, in: bytes, from: 0) == nil) }
        #expect(try history.exportAll() == archive)
        var next = fixture.reopened()
        #expect(throws: HistoryAccessError.wrongPassphrase) { try next.unlock("first") }
        try next.unlock("second")
        #expect(try next.exportAll() == archive)
        // Also without unlocking first.
        next = fixture.reopened()
        try next.changePassphrase(from: "second", to: nil)
        #expect(next.status == History.Status(state: .open, hasPassphrase: false, isReadOnly: false))
        #expect(try next.allSeals().allSatisfy { $0.key == nil })
        #expect(try next.exportAll() == archive)
        #expect(fixture.names == ["history.sqlite"])
        // The first one noticed.
        #expect(try history.exportAll() == archive)
        #expect(history.status.hasPassphrase == false)
    }

    private func wrappedKeys(_ fixture: HistoryFixture) throws -> [[UInt8]] {
        let queue = try HistoryDatabase.queue(fixture.files.database, isReadOnly: true, timeout: 5)
        return try queue.read { try Row.fetchAll($0, sql: "SELECT key FROM conversations").map { try $0.bytes("key") } }
    }

    @Test("a sealed text opens only where it was written")
    func places() throws {
        let fixture = try HistoryFixture()
        let history = fixture.history
        try history.changePassphrase(from: nil, to: "p")
        let (one, two) = (try history.add("one", ["a", "b"]), try history.add("two", ["c"]))
        func change(_ sql: String, _ body: (History) throws -> Void) throws {
            let queue = try HistoryDatabase.queue(fixture.files.database, timeout: 5)
            let copy = try HistoryFixture.bytes(fixture.files.database)
            try queue.write { try $0.execute(sql: sql) }
            try queue.close()
            let changed = fixture.reopened()
            try changed.unlock("p")
            try body(changed)
            try changed.close()
            try Data(copy).write(to: URL(fileURLWithPath: fixture.files.database))
        }
        /// The other one is as it was, and so is the list without the damaged one.
        func others(_ history: History) throws {
            #expect(try history.content(of: two.id).messages.map(\.content) == ["c"])
            #expect(try history.titles() == ["two"])
            #expect(try history.titles("c") == ["two"])
        }
        let messages = try history.content(of: one.id).messages
        let swap = "UPDATE messages SET body = (SELECT body FROM messages WHERE id = '\(messages[0].id)') WHERE id = '\(messages[1].id)'"
        try change(swap) { changed in expectError(.corrupt, one.id) { try changed.content(of: one.id) } }
        try change("UPDATE messages SET parent = NULL") { changed in expectError(.corrupt, one.id) { try changed.content(of: one.id) } }
        try change("UPDATE conversations SET settings = title") { changed in
            expectError(.corrupt, one.id) { try changed.conversation(one.id) }
        }
        try change("UPDATE conversations SET key = (SELECT key FROM conversations WHERE id = '\(two.id)')") { changed in
            expectError(.corrupt, one.id) { try changed.conversation(one.id) }
            try others(changed)
            expectError(.corrupt) { try changed.exportAll() }
            // Writing all of it again would lose what cannot be read.
            expectError(.corrupt) { try changed.changePassphrase(from: "p", to: "q") }
            try others(changed)
        }
        let next = fixture.reopened()
        try next.unlock("p")
        #expect(try next.titles() == ["two", "one"])
    }

    @Test("an expensive or unknown way of making keys is refused")
    func header() throws {
        let fixture = try HistoryFixture()
        try fixture.history.changePassphrase(from: nil, to: "p")
        let queue = try HistoryDatabase.queue(fixture.files.database, timeout: 5)
        for change in ["cost = 1 << 40", "version = 2, cost = 16"] {
            try queue.write { try $0.execute(sql: "UPDATE seal SET \(change)") }
            let history = fixture.reopened()
            guard case .unavailable(let error) = history.state else {
                Issue.record("\(history.state)")
                continue
            }
            #expect(error.code == .unsupported)
        }
    }

    @Test("a passphrase costs what it should to guess")
    func cost() throws {
        let fixture = try HistoryFixture()
        let history = History(directory: fixture.directory)
        try history.changePassphrase(from: nil, to: "p")
        let header = try #require(try fixture.files.header())
        #expect(header.scrypt == Scrypt(cost: 1 << 17, blocks: 8, lanes: 1))
        #expect(header.salt.count == 32)
        // Its cost is the file's, whatever new ones have.
        try fixture.reopened().unlock("p")
    }

    @Test("a passphrase in a file is its first line")
    func file() throws {
        let fixture = try HistoryFixture()
        let path = "\(fixture.directory)/passphrase"
        func passphrase(_ bytes: [UInt8]) throws -> String {
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            return try History.passphrase(inFile: path)
        }
        for ending in ["", "\n", "\r\n"] { #expect(try passphrase(Array("päss phrase \(ending)".utf8)) == "päss phrase ") }
        for bad in [[], Array("\n".utf8), Array("a\nb".utf8), [0xFF], [UInt8](repeating: 0x61, count: 5000)] {
            expectError(.invalidArgument, path) { try passphrase(bad) }
        }
        try FileManager.default.removeItem(atPath: path)
        expectError(.notFound, path) { try History.passphrase(inFile: path) }
    }
}
