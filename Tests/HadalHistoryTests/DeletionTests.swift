import Foundation
import GRDB
import HadalCore
import TestSupport
import Testing

@testable import HadalHistory

@Suite("Deleting conversations")
struct DeletionTests {
    @Test("no word of what was deleted or written over is left in any file", arguments: [UInt64(1), 2, 3])
    func remains(_ seed: UInt64) throws {
        let fixture = try HistoryFixture()
        let history = fixture.history
        var generator = SplitMix64(seed: seed)
        var kept: [(id: String, words: [String])] = []
        var gone: [String] = []
        for round in 0..<60 {
            if round % 3 == 2, !kept.isEmpty {
                let victim = kept.remove(at: Int.random(in: 0..<kept.count, using: &generator))
                try history.delete(victim.id)
                gone += victim.words
                continue
            }
            // Some fit a page, some take many.
            var words: [String] = []
            let texts = (0..<Int.random(in: 1...12, using: &generator)).map { number in
                let word = "word-\(round)-\(number)-end"
                words.append(word)
                return String(repeating: word + " ", count: Int.random(in: 1...700, using: &generator))
            }
            let conversation = try history.add("title-\(round)-end", texts)
            words.append("title-\(round)-end")
            var message = try history.content(of: conversation.id).messages[0]
            message.content = "short"
            try history.update(message)
            gone.append(words.removeFirst())
            kept.append((conversation.id, words))
        }
        // What was written over goes with the next deletion.
        let last = kept.removeLast()
        try history.delete(last.id)
        gone += last.words
        for word in gone { #expect(try fixture.files(with: word) == [], "\(word)") }
        for word in kept.flatMap(\.words) { #expect(try fixture.files(with: word) == ["history.sqlite"], "\(word)") }
    }

    @Test("a sealed conversation's key goes with it, and the others open as before")
    func keys() throws {
        let fixture = try HistoryFixture()
        let history = fixture.history
        try history.changePassphrase(from: nil, to: "p")
        let all = try (0..<20).map { try history.add("t\($0)", ["text"]) }
        let queue = try HistoryDatabase.connect(fixture.files.database, isReadOnly: true, timeout: 5)
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
