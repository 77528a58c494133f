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

    /// The passphrase in a file: all of it but a line break at its end.
    ///
    /// - Throws: `notFound`; `invalidArgument` for a file that is empty, too long, not UTF-8, or has further lines.
    package static func passphrase(inFile path: String) throws -> String {
        guard WholeFile.exists(path) else { throw HadalError(.notFound, "the passphrase file does not exist", at: SourcePlace(path)) }
        guard let bytes = WholeFile.read(path, limit: maximumPassphrase + 2), let text = String(validating: bytes, as: UTF8.self) else {
            throw HadalError(.invalidArgument, "the passphrase cannot be read, is too long or is not UTF-8", at: SourcePlace(path))
        }
        let line = text.last?.isNewline == true ? text.dropLast() : text[...]
        guard !line.isEmpty, !line.contains(where: \.isNewline) else {
            throw HadalError(.invalidArgument, "the file must have one line, which is the passphrase", at: SourcePlace(path))
        }
        return String(line)
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
            var failure: (any Error)?
            do { try self.replace(&work, current, new) } catch { failure = error }
            let database = try self.database(&work)
            if let failure { throw failure }
            guard let keys = work.keys else { return }
            var index = SearchIndex()
            try database.queue.read { try index.update(ContentStore(db: $0, keys: keys)) }
            work.index = index
        }
    }

    /// Leaves the database closed, unless there was nothing to do.
    private func replace(_ work: inout Work, _ current: String?, _ new: String?) throws {
        _ = try database(&work)
        let lock = try DirectoryLock(files.directory, seconds: opening.timeout)
        defer { withExtendedLifetime(lock) {} }
        // Nobody replaces the file from here on. To open it would wait for the lock itself.
        guard let database = work.database, database.isCurrent else {
            throw HadalError(.io, "the history was changed by another process", at: SourcePlace(files.database), hint: "try again")
        }
        let before = try keys(of: database, passphrase: current)
        if new == nil, before == nil { return }
        guard !database.isReadOnly else { throw HadalError(.io, "the history can only be read", at: SourcePlace(files.database)) }
        let after = try new.map { try SealHeader.make(passphrase: $0, scrypt: scrypt) }
        let replacement = HistoryReplacement(
            files: files, schema: opening.schema, timeout: opening.timeout, before: before, seal: after?.0, after: after?.1)
        work.database = nil
        do {
            try replacement.replace(database)
        } catch {
            throw HistoryDatabase.translated(error, files.database)
        }
        forget(&work)
        work.keys = after?.1
        if new != nil, !files.damaged.isEmpty {
            work.report =
                "These damaged files were kept aside and are not sealed by a passphrase: " + files.damaged.joined(separator: ", ")
        }
    }

    /// The keys that a passphrase opens the database with; nil where none is set.
    private func keys(of database: HistoryDatabase, passphrase: String?) throws -> PassphraseKeys? {
        guard let seal = database.seal else { return nil }
        guard let passphrase, let keys = try seal.keys(passphrase: passphrase) else { throw HistoryAccessError.wrongPassphrase }
        return keys
    }
}
