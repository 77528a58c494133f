import Foundation
import GRDB
import HadalCore
import TestSupport
import Testing

@testable import HadalHistory

@Suite("Histories that cannot be used as they are")
struct DamageTests {
    private func overwrite(_ fixture: HistoryFixture, _ change: (inout [UInt8]) -> Void) throws -> [UInt8] {
        var bytes = try HistoryFixture.bytes(fixture.files.database)
        change(&bytes)
        try Data(bytes).write(to: URL(fileURLWithPath: fixture.files.database))
        return bytes
    }

    private static let damages: [(String, @Sendable (inout [UInt8]) -> Void)] = [
        ("no database", { $0 = Array("This was never a database.".utf8) }),
        ("another format", { $0.replaceSubrange(0..<16, with: Array("SQLite format 4\0".utf8)) }),
        ("another program's", { $0.replaceSubrange(68..<72, with: [0, 0, 0, 1]) }),
        ("cut off", { $0 = Array($0.prefix($0.count / 2)) }),
        ("cut off in its header", { $0 = Array($0.prefix(50)) }),
        ("its first page", { for at in 100..<400 { $0[at] = 0xFF } }),
        ("a later page", { for at in 3 * 4096..<3 * 4096 + 64 { $0[at] ^= 0x5A } }),
    ]

    @Test("a damaged file is kept aside as it is, and a new history begins", arguments: damages.indices)
    func damage(_ index: Int) throws {
        let fixture = try HistoryFixture()
        for number in 0..<20 { try fixture.history.add("t\(number)", [String(repeating: "text ", count: 500)]) }
        let damaged = try overwrite(fixture, Self.damages[index].1)
        let journal = Array("what a journal would hold".utf8)
        try Data(journal).write(to: URL(fileURLWithPath: fixture.files.journal))

        let history = fixture.reopened()
        #expect(history.state == .open, "\(Self.damages[index].0)")
        let aside = fixture.names.filter { $0.hasPrefix("history.sqlite.damaged-") }
        let place = try #require(aside.first)
        #expect(try HistoryFixture.bytes("\(fixture.directory)/\(place)") == damaged)
        // Where SQLite gets as far as opening the file it removes a journal that is none.
        let journals = fixture.names.filter { $0.hasPrefix(place) && $0.hasSuffix("-journal") }
        if [0, 1, 2, 4].contains(index) { #expect(journals == ["\(place)-journal"]) }
        for name in journals { #expect(try HistoryFixture.bytes("\(fixture.directory)/\(name)") == journal) }
        #expect(history.status.report?.contains(place) == true)
        #expect(try history.titles() == [])
        try history.add("new", ["text"])
        #expect(fixture.reopened().status.report == nil)
        #expect(try fixture.reopened().titles() == ["new"])
        #expect(FileIdentity(path: fixture.files.journal) == nil)
        // Again, within the same second: nothing is overwritten.
        let second = try overwrite(fixture) { $0[0] = 0 }
        _ = fixture.reopened()
        #expect(try HistoryFixture.bytes("\(fixture.directory)/\(place)") == damaged)
        let kept = try fixture.files.damaged.map(HistoryFixture.bytes)
        #expect(kept.filter { $0 == second }.count == 1)
    }

    @Test("a sealed history that was damaged is followed by one with the same passphrase")
    func sealed() throws {
        let fixture = try HistoryFixture()
        try fixture.history.changePassphrase(from: nil, to: "p")
        try fixture.history.add("t", ["a"])
        _ = try overwrite(fixture) { $0[3] = 0 }
        let history = fixture.reopened()
        #expect(history.state == .locked)
        #expect(history.status.report != nil)
        #expect(throws: HistoryAccessError.locked) { try history.create(title: "t") }
        #expect(throws: HistoryAccessError.wrongPassphrase) { try history.unlock("q") }
        try history.unlock("p")
        try history.add("secretword", ["a"])
        #expect(try fixture.files(with: "secretword") == [])
    }

    @Test("a file of a later version is not touched")
    func laterVersion() throws {
        let fixture = try HistoryFixture()
        try fixture.history.add("t", ["a"])
        let bytes = try overwrite(fixture) { $0[63] = 99 }
        let history = fixture.reopened()
        guard case .unavailable(let error) = history.state else {
            Issue.record("\(history.state)")
            return
        }
        #expect(error.code == .unsupported)
        #expect(error.description.contains("99"))
        expectError(.unsupported, "later version") { try history.conversations() }
        expectError(.unsupported) { try history.create(title: "x") }
        expectError(.unsupported) { try history.changePassphrase(from: nil, to: "x") }
        #expect(try HistoryFixture.bytes(fixture.files.database) == bytes)
        #expect(fixture.names == ["history.sqlite"])
    }

    @Test("a directory that cannot be made, and comes to be")
    func noDirectory() throws {
        let parent = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: parent) }
        let obstacle = "\(parent)/file"
        try Data([1]).write(to: URL(fileURLWithPath: obstacle))
        let history = HistoryFixture.open("\(obstacle)/history")
        guard case .unavailable(let error) = history.state else {
            Issue.record("\(history.state)")
            return
        }
        #expect(error.code == .io)
        expectError(.io, obstacle) { try history.conversations() }
        expectError(.io, obstacle) { try history.create(title: "t") }
        try FileManager.default.removeItem(atPath: obstacle)
        history.reopen()
        #expect(history.state == .open)
        try history.add("t", ["a"])
    }

    @Test("a database whose values have other types is an error, not a crash")
    func types() throws {
        let fixture = try HistoryFixture()
        let conversation = try fixture.history.add("t", ["a"])
        let queue = try HistoryDatabase.queue(fixture.files.database, timeout: 5)
        for change in ["conversations SET title = 5", "conversations SET settings = x'00'", "messages SET body = 1.5"] {
            try queue.write { try $0.execute(sql: "UPDATE \(change)") }
            expectError(.corrupt) { try fixture.history.content(of: conversation.id) }
        }
        for body in ["", "{", "[]", "{}", #"{"role": "user"}"#, #"{"role": "king", "content": ""}"#, #"{"role": "user", "content": 5}"#] {
            try queue.write { db in
                try db.execute(sql: "UPDATE conversations SET title = 't', settings = '{}'")
                try db.execute(sql: "UPDATE messages SET body = ?", arguments: [body])
            }
            expectError(.corrupt, "damaged message") { try fixture.history.content(of: conversation.id) }
        }
        #expect(try fixture.history.titles() == ["t"])
        try fixture.history.delete(conversation.id)
    }
}
