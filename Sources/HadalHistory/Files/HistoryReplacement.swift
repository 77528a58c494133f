import Foundation
import GRDB
import HadalCore
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Writes a history again with other keys, into a file that takes the place of the first. A value for one use.
///
/// The caller holds the lock of the directory. Nobody reads or writes the old file meanwhile, and a process that waits for it finds another one
/// under its name afterwards.
struct HistoryReplacement {
    let files: HistoryFiles
    let schema: Schema
    let timeout: Double
    /// What the old file is read with.
    let before: PassphraseKeys?
    /// What the new file says of its passphrase; nil: none.
    let seal: SealHeader?
    let after: PassphraseKeys?

    /// Closes `database`, whatever comes of it.
    ///
    /// - Throws: whatever fails. Until the rename the old file is what it was, and the new one is removed.
    func replace(_ database: HistoryDatabase) throws {
        let old = try FileRemains(files.database)
        // SQLite closes its own descriptor with the connection, later: see `FileRemains`.
        defer {
            try? database.queue.close()
            withExtendedLifetime(old) {}
        }
        try database.queue.inTransaction(.exclusive) { db in
            do {
                try write(from: ContentStore(db: db, keys: before))
                // Before the rename: a process that is killed in between leaves no copy beside a history that is sealed.
                for copy in files.copies { try FileRemains.destroy(copy) }
            } catch {
                try? FileRemains.destroy(files.replacement)
                throw error
            }
            guard rename(files.replacement, files.database) == 0 else {
                let error = HadalError(
                    .io, "cannot replace the history: \(String(cString: strerror(errno)))", at: SourcePlace(files.database))
                try? FileRemains.destroy(files.replacement)
                throw error
            }
            files.synchronise()
            do {
                try old.overwrite()
            } catch let error as HadalError {
                throw HadalError(error.code, "the passphrase is changed, but \(error.message)", at: error.place, hint: error.hint)
            }
            return .rollback
        }
    }

    private func write(from store: ContentStore) throws {
        try FileRemains.destroy(files.replacement)
        try HistoryDatabase.begin(files.replacement)
        let queue = try HistoryDatabase.queue(files.replacement, timeout: timeout)
        // Nobody reads it before it is complete.
        try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = MEMORY") }
        let sum = try queue.write { db in
            try schema.migrate(db, from: 0)
            try seal?.write(db)
            return try copy(store, to: ContentStore(db: db, keys: after))
        }
        try queue.close()
        try verify(sum)
    }

    /// Copies conversation by conversation, and gives a hash of all that was read.
    private func copy(_ store: ContentStore, to other: ContentStore) throws -> [UInt8] {
        var sum = SHA256()
        for id in try store.all() {
            let opened = try store.conversation(id)
            let messages = try store.messages(of: opened)
            let target = try other.insert(opened.conversation)
            for message in messages { try other.insert(message, updated: opened.conversation.updated, into: target) }
            Self.combine(opened.conversation, messages, &sum)
        }
        return sum.finish()
    }

    /// Reads the new file as the next process will.
    private func verify(_ expected: [UInt8]) throws {
        let queue = try HistoryDatabase.queue(files.replacement, isReadOnly: true, timeout: timeout)
        defer { try? queue.close() }
        let found = try queue.read { db in
            let store = ContentStore(db: db, keys: after)
            var sum = SHA256()
            for id in try store.all() {
                let opened = try store.conversation(id)
                Self.combine(opened.conversation, try store.messages(of: opened), &sum)
            }
            return sum.finish()
        }
        guard found == expected else {
            throw HadalError(.io, "the new history was not written as it should be", at: SourcePlace(files.database))
        }
    }

    private static func combine(_ conversation: HistoryConversation, _ messages: [HistoryMessage], _ sum: inout SHA256) {
        sum.combine(field: conversation.json(messages: messages).text())
    }
}
