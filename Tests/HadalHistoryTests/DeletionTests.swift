import Foundation
import GRDB
import HadalCore
import TestSupport
import Testing

@testable import HadalHistory

@Suite("Deleting conversations")
struct DeletionTests {
    /// Conversations of texts of many sizes, which are written over and deleted: rows move between pages.
    private struct Work {
        private var generator: SplitMix64
        private var kept: [(id: String, title: String, messages: [HistoryMessage])] = []
        private(set) var gone: [String] = []

        init(seed: UInt64) { generator = SplitMix64(seed: seed) }

        var present: [String] { kept.flatMap(\.messages).map { Self.word($0.content) } }

        private static func word(_ text: String) -> String { String(text.prefix { $0 != "." } + ".") }

        private mutating func text() -> String {
            let longest = [10, 100, 1500][Int.random(in: 0..<3, using: &generator)]
            return String(repeating: "word\(generator.next()).", count: Int.random(in: 1...longest, using: &generator))
        }

        mutating func step(_ history: History) throws {
            let choice = Int.random(in: 0..<10, using: &generator)
            let at = kept.isEmpty ? 0 : Int.random(in: 0..<kept.count, using: &generator)
            if choice < 5 || kept.isEmpty {
                let title = String(text().prefix(History.maximumTitle))
                let id = try history.create(title: title).id
                let messages = (0..<Int.random(in: 1...8, using: &generator)).map { _ in
                    HistoryMessage(parent: nil, role: .user, content: text())
                }
                try history.append(messages, to: id)
                kept.append((id, title, messages))
            } else if choice < 7 {
                let number = Int.random(in: 0..<kept[at].messages.count, using: &generator)
                gone.append(Self.word(kept[at].messages[number].content))
                kept[at].messages[number].content = text()
                try history.update(kept[at].messages[number])
            } else {
                try delete(at, history)
            }
        }

        mutating func delete(_ at: Int, _ history: History) throws {
            let victim = kept.remove(at: at)
            try history.delete(victim.id)
            gone += [Self.word(victim.title)] + victim.messages.map { Self.word($0.content) }
        }
    }

    // With these seeds `secure_delete` alone leaves words in gaps of pages.
    @Test("no word of what was deleted or written over is left in any file", arguments: [UInt64(25), 27])
    func remains(_ seed: UInt64) throws {
        let fixture = try HistoryFixture()
        var work = Work(seed: seed)
        for _ in 0..<80 { try work.step(fixture.history) }
        // What was written over goes with the next deletion.
        try work.delete(0, fixture.history)
        #expect(work.gone.count > 20)
        #expect(fixture.names == ["history.sqlite"])
        let bytes = try HistoryFixture.bytes(fixture.files.database)
        #expect(work.gone.filter { TextSearch.first(of: Array($0.utf8), in: bytes, from: 0) != nil } == [])
        #expect(work.present.allSatisfy { TextSearch.first(of: Array($0.utf8), in: bytes, from: 0) != nil })
    }

    @Test("a sealed conversation's key goes with it, and the others open as before")
    func keys() throws {
        let fixture = try HistoryFixture()
        let history = fixture.history
        try history.changePassphrase(from: nil, to: "p")
        let all = try (0..<20).map { try history.add("t\($0)", ["text"]) }
        let queue = try HistoryDatabase.queue(fixture.files.database, isReadOnly: true, timeout: 5)
        let keys = try queue.read { db in
            try Row.fetchAll(db, sql: "SELECT id, key FROM conversations").reduce(into: [:]) {
                $0[try $1.string("id")] = try $1.bytes("key")
            }
        }
        try queue.close()
        for conversation in all.prefix(10) { try history.delete(conversation.id) }
        let bytes = try HistoryFixture.bytes(fixture.files.database)
        for (number, conversation) in all.enumerated() {
            let key = try #require(keys[conversation.id])
            #expect((TextSearch.first(of: key, in: bytes, from: 0) != nil) == (number >= 10))
        }
        #expect(try history.titles("text").count == 10)
        expectError(.notFound) { try history.content(of: all[0].id) }
    }

    @Test("all are deleted, with damaged files that were kept aside")
    func all() throws {
        let fixture = try HistoryFixture()
        try fixture.history.add("oldword", ["x"])
        // One page in the middle, so that most of the text is still there.
        var bytes = try HistoryFixture.bytes(fixture.files.database)
        for at in 4096..<4200 { bytes[at] = 0xA5 }
        try Data(bytes).write(to: URL(fileURLWithPath: fixture.files.database))
        let history = fixture.reopened()
        #expect(history.status.report != nil)
        try history.add("newword", ["y"])
        #expect(try fixture.files(with: "oldword").count == 1)
        try history.deleteAll()
        #expect(history.status.report == nil)
        #expect(try history.titles() == [])
        #expect(fixture.names == ["history.sqlite"])
        #expect(try fixture.files(with: "newword") == [])
        try history.deleteAll()
    }
}
