import GRDB

/// The tables of a history, and how those of earlier versions become them.
///
/// The version is SQLite's `user_version`. A step that was released is never changed: a change is a further step.
struct Schema: Sendable {
    /// SQLite's `application_id`, "HdHi": tells a history from the databases of other programs.
    static let applicationID: Int32 = 0x4864_4869

    static let current = Schema(steps: [first])

    /// Step i makes version i + 1 of version i. Runs in a transaction.
    var steps: [@Sendable (Database) throws -> Void]

    var version: Int { steps.count }

    /// Title, settings and bodies are text, or bytes where a passphrase is set. `position` is the order in which messages came.
    private static let first: @Sendable (Database) throws -> Void = { db in
        try db.execute(
            sql: """
                CREATE TABLE seal (
                    version INTEGER NOT NULL, cost INTEGER NOT NULL, blocks INTEGER NOT NULL, lanes INTEGER NOT NULL,
                    salt BLOB NOT NULL, proof BLOB NOT NULL
                ) STRICT;
                CREATE TABLE conversations (
                    id TEXT NOT NULL PRIMARY KEY, created REAL NOT NULL, updated REAL NOT NULL, revision INTEGER NOT NULL,
                    current TEXT, key BLOB, title ANY NOT NULL, settings ANY NOT NULL
                ) STRICT;
                CREATE INDEX conversations_by_time ON conversations (updated);
                CREATE TABLE messages (
                    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
                    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
                    parent TEXT, created REAL NOT NULL, updated REAL NOT NULL, state TEXT NOT NULL, body ANY NOT NULL
                ) STRICT;
                CREATE INDEX messages_by_conversation ON messages (conversation);
                """)
    }

    /// Takes the open database from a version to the last one. The caller has begun a transaction.
    func migrate(_ db: Database, from version: Int) throws {
        for step in steps[version...] { try step(db) }
        try db.execute(sql: "PRAGMA application_id = \(Self.applicationID); PRAGMA user_version = \(self.version)")
    }
}
