import Foundation
import GRDB
import HadalCore
import TestSupport
import Testing

@testable import HadalHistory

@Suite("A disk that is full or read-only")
struct DiskTests {
    @Test("what does not fit is refused whole, and what was there can be read, deleted and written again", arguments: [nil, "p"])
    func pages(_ passphrase: String?) throws {
        let fixture = try HistoryFixture()
        let history = fixture.history
        if let passphrase { try history.changePassphrase(from: nil, to: passphrase) }
        let conversation = try history.add("t", ["a"])
        try history.limitPages(40)
        let large = String(repeating: "x", count: 200_000)
        expectError(.io, "disk is full", "history.sqlite") { try history.add("large", [large]) }
        #expect(try history.content(of: conversation.id).messages.map(\.content) == ["a"])
        expectError(.io, "disk is full") {
            try history.append([HistoryMessage(parent: nil, role: .user, content: large)], to: conversation.id)
        }
        #expect(history.state == .open)
        try history.append([HistoryMessage(parent: nil, role: .user, content: "b")], to: conversation.id)
        try history.delete(conversation.id)
        let next = fixture.reopened()
        if let passphrase { try next.unlock(passphrase) }
        // The conversation was made before its message was refused.
        #expect(try next.titles() == ["large"])
    }

    @Test("a passphrase that cannot be set on a full disk changes nothing", .enabled(if: TinyDisk.isPossible, "needs the right to mount"))
    func fullDisk() throws {
        let parent = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: parent) }
        let disk = try TinyDisk(on: "\(parent)/disk")
        defer { disk.unmount() }
        let directory = "\(disk.directory)/history"
        let history = HistoryFixture.open(directory)
        let conversation = try history.add("plainword", [String(repeating: "y", count: 120_000)])
        expectError(.io, "disk is full") { try history.changePassphrase(from: nil, to: "p") }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["history.sqlite"])
        #expect(history.status == History.Status(state: .open, hasPassphrase: false, isReadOnly: false))
        expectError(.io, "disk is full") { try history.add("t", [String(repeating: "z", count: 200_000)]) }
        #expect(try history.content(of: conversation.id).messages.map(\.content.count) == [120_000])
    }

    @Test("a history on a disk that cannot be written can be read", .enabled(if: TinyDisk.isPossible, "needs the right to mount"))
    func readOnlyDisk() throws {
        let parent = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: parent) }
        let disk = try TinyDisk(on: "\(parent)/disk")
        defer { disk.unmount() }
        let directory = "\(disk.directory)/history"
        let first = HistoryFixture.open(directory)
        let conversation = try first.add("t", ["text"])
        try first.changePassphrase(from: nil, to: "p")
        try first.close()
        #expect(disk.setReadOnly(true))
        let history = HistoryFixture.open(directory)
        #expect(history.status == History.Status(state: .locked, hasPassphrase: true, isReadOnly: true))
        try history.unlock("p")
        #expect(try history.titles("text") == ["t"])
        #expect(try history.exportAll().items.count == 1)
        expectError(.io, "can only be read", directory) { try history.create(title: "x") }
        expectError(.io, "can only be read") { try history.delete(conversation.id) }
        expectError(.io, "can only be read") { try history.deleteAll() }
        expectError(.io, "can only be read") { try history.changePassphrase(from: "p", to: "q") }
        try history.close()
        // Where there is none yet.
        let none = HistoryFixture.open("\(disk.directory)/other")
        expectError(.io, "Read-only file system") { try none.conversations() }
        #expect(disk.setReadOnly(false))
        let again = HistoryFixture.open(directory)
        try again.unlock("p")
        try again.add("new", ["x"])
    }
}
