import Foundation
import GRDB
import HadalCore
import TestSupport
import Testing

@testable import HadalHistory

@Suite("Schema versions")
struct MigrationTests {
    /// The next version, as it may come to be.
    private static let second = Schema(
        steps: Schema.current.steps + [{ try $0.execute(sql: "ALTER TABLE conversations ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0") }])

    @Test("an earlier version becomes the next one, and a copy of it is kept", arguments: [nil, "p"])
    func migration(_ passphrase: String?) throws {
        let fixture = try HistoryFixture()
        if let passphrase { try fixture.history.changePassphrase(from: nil, to: passphrase) }
        try fixture.history.add("title-one", ["a", "b"])
        let archive = try fixture.history.exportAll()
        let before = try HistoryFixture.bytes(fixture.files.database)

        let history = fixture.reopened(schema: Self.second)
        if let passphrase { try history.unlock(passphrase) }
        #expect(try history.exportAll() == archive)
        #expect(try FileHeader.read(fixture.files.database) == .history(version: 2))
        #expect(try HistoryFixture.bytes(fixture.files.copy(before: 2)) == before)
        #expect(try fixture.mode(fixture.files.copy(before: 2)) == 0o600)
        // The version before refuses what came of it, and would take the copy.
        expectError(.unsupported, "later version") { try fixture.reopened().conversations() }
        // What is deleted does not stay in the copy.
        try history.delete(archive.items[0].conversation.id)
        #expect(try fixture.files(with: "title-one") == [])
        #expect(fixture.names.filter { $0.contains("before") } == [])
    }

    @Test("a passphrase seals what a migration left as well")
    func sealedCopy() throws {
        let fixture = try HistoryFixture()
        try fixture.history.add("title-one", ["a"])
        let history = fixture.reopened(schema: Self.second)
        #expect(try fixture.files(with: "title-one").count == 2)
        try history.changePassphrase(from: nil, to: "p")
        #expect(try fixture.files(with: "title-one") == [])
        #expect(try history.titles() == ["title-one"])
        #expect(try FileHeader.read(fixture.files.database) == .history(version: 2))
    }

    @Test("a step that fails leaves the version that was there")
    func failure() throws {
        let fixture = try HistoryFixture()
        try fixture.history.add("t", ["a"])
        let broken = Schema(
            steps: Self.second.steps + [
                { db in
                    try db.execute(sql: "DELETE FROM conversations")
                    throw HadalError(.unsupported, "this step fails")
                }
            ])
        expectError(.unsupported, "this step fails") { try fixture.reopened(schema: broken).conversations() }
        #expect(try FileHeader.read(fixture.files.database) == .history(version: 1))
        #expect(try fixture.reopened().titles() == ["t"])
        #expect(try fixture.reopened(schema: Self.second).titles() == ["t"])
    }
}
