import GRDB
import HadalCore

extension History {
    /// In bytes.
    private static let maximumPassphrase = 4096

    /// Makes the keys of the passphrase and the index for searches. Takes the time of scrypt, and of reading all conversations.
    ///
    /// - Throws: `HistoryAccessError.wrongPassphrase`, after which nothing has changed; `invalidArgument` where no passphrase is set.
    package func unlock(_ passphrase: String) throws {
        try locked { work in
            let database = try self.database(&work)
            guard let seal = database.seal else { throw HadalError(.invalidArgument, "the history has no passphrase") }
            guard passphrase.utf8.count <= Self.maximumPassphrase, let keys = try seal.keys(passphrase: passphrase) else {
                throw HistoryAccessError.wrongPassphrase
            }
            var index = SearchIndex()
            do {
                try database.queue.read { try index.update(ContentStore(db: $0, keys: keys)) }
            } catch {
                throw HistoryDatabase.translated(error, files.database)
            }
            (work.keys, work.index) = (keys, index)
        }
    }

    /// Forgets keys and index. Without a passphrase nothing happens.
    package func lock() { try? locked { self.forget(&$0) } }

    /// Sets, changes or removes the passphrase: writes all conversations into a new database with new keys, checks it, has it take the place of
    /// the old one, and overwrites the old one. Afterwards the history is open.
    ///
    /// - Parameters:
    ///   - current: the passphrase that is set; not looked at where none is.
    ///   - new: nil: none from now on.
    /// - Throws: `HistoryAccessError.wrongPassphrase`, `invalidArgument` for an empty or a very long passphrase, `corrupt` where a conversation is
    ///   damaged, `io`. Nothing has changed then, unless the message says so.
    package func changePassphrase(from current: String?, to new: String?) throws {
        if let new {
            guard !new.isEmpty else { throw HadalError(.invalidArgument, "a passphrase must not be empty") }
            guard new.utf8.count <= Self.maximumPassphrase else {
                throw HadalError(.invalidArgument, "a passphrase has at most \(Self.maximumPassphrase) bytes")
            }
        }
        try locked { work in
            _ = try self.database(&work)
            let lock = try DirectoryLock(files.directory, seconds: opening.timeout)
            defer { withExtendedLifetime(lock) {} }
            // Nobody replaces the file from here on. To open it would wait for the lock itself.
            guard let database = work.database, database.isCurrent else {
                throw HadalError(.io, "the history was changed by another process", at: SourcePlace(files.database), hint: "try again")
            }
            let before = try self.keys(of: database, passphrase: current)
            if new == nil, before == nil { return }
            guard !database.isReadOnly else {
                throw HadalError(.io, "the history can only be read", at: SourcePlace(files.database))
            }
            let after = try new.map { try SealHeader.make(passphrase: $0, scrypt: scrypt) }
            let replacement = HistoryReplacement(
                files: files, schema: opening.schema, timeout: opening.timeout, before: before, seal: after?.0, after: after?.1)
            do {
                try replacement.replace(database)
            } catch {
                throw HistoryDatabase.translated(error, files.database)
            }
            try? database.queue.close()
            work.database = nil
            self.forget(&work)
            work.keys = after?.1
            if new != nil, !files.damaged.isEmpty {
                work.report =
                    "These damaged files were kept aside and are not sealed by a passphrase: "
                    + files.damaged.joined(separator: ", ")
            }
        }
        try locked { work in
            let database = try self.database(&work)
            guard let keys = work.keys else { return }
            var index = SearchIndex()
            try database.queue.read { try index.update(ContentStore(db: $0, keys: keys)) }
            work.index = index
        }
    }

    /// The keys that a passphrase opens the database with; nil where none is set.
    private func keys(of database: HistoryDatabase, passphrase: String?) throws -> PassphraseKeys? {
        guard let seal = database.seal else { return nil }
        guard let passphrase, let keys = try seal.keys(passphrase: passphrase) else { throw HistoryAccessError.wrongPassphrase }
        return keys
    }
}
