import GRDB
import HadalCipher
package import HadalCore
import Synchronization

/// Conversations in a database in a directory of the user's.
///
/// Calls block: they wait for the disk, for other processes that write (at most `busyTimeout`), and for scrypt. Several processes may use one
/// directory; each has one `History` of it. What one writes, or what passphrase it sets, the others see with their next call.
///
/// Thread safety: any thread; calls take turns, `status` does not wait for them.
///
/// Errors: `HadalError` with the place and what to do, and `HistoryAccessError` where a passphrase is missing or wrong.
package final class History: Sendable {
    /// Whether conversations can be read.
    package enum State: Sendable, Equatable {
        case open
        /// It has a passphrase and was not unlocked.
        case locked
        /// It can be neither read nor written, with the reason. Each call tries again.
        case unavailable(HadalError)
    }

    /// Seconds.
    package static let busyTimeout = 15.0

    struct Work {
        var database: HistoryDatabase?
        var keys: PassphraseKeys?
        var index = SearchIndex()
        var report: String?
    }

    let opening: HistoryOpening
    let scrypt: Scrypt
    private let work = Mutex(Work())
    private let shown: Mutex<Status>

    var files: HistoryFiles { opening.files }

    /// Opens the history of a directory, or begins one there. What went wrong `status` says.
    package convenience init(directory: String) {
        self.init(directory: directory, schema: .current, scrypt: .standard, timeout: Self.busyTimeout)
    }

    init(directory: String, schema: Schema, scrypt: Scrypt, timeout: Double) {
        opening = HistoryOpening(files: HistoryFiles(directory: directory), schema: schema, timeout: timeout)
        self.scrypt = scrypt
        let waiting = State.unavailable(HadalError(.notFound, "the history is not open yet"))
        shown = Mutex(Status(state: waiting, hasPassphrase: false, isReadOnly: false))
        reopen()
    }

    package var status: Status { shown.withLock { $0 } }
    package var state: State { status.state }

    /// Looks at the files again: whether they can be used now, and whether another process set a passphrase.
    package func reopen() { try? locked { work in _ = try self.database(&work) } }

    /// Closes the file and forgets the keys. The next call opens it again.
    package func close() throws {
        try locked { work in
            self.forget(&work)
            try work.database?.queue.close()
            work.database = nil
        }
    }
}

extension History {
    /// Runs `body` alone, and shows afterwards what became of the history.
    func locked<T: Sendable>(_ body: (inout Work) throws -> T) throws -> T {
        try work.withLock { work in
            do {
                let result = try body(&work)
                show(work, failure: nil)
                return result
            } catch {
                show(work, failure: error)
                throw error
            }
        }
    }

    private func show(_ work: Work, failure: (any Error)?) {
        let hasPassphrase = work.database?.seal != nil
        let state: State =
            if work.database == nil {
                .unavailable(failure as? HadalError ?? HadalError(.io, "the history cannot be opened", at: SourcePlace(files.database)))
            } else {
                hasPassphrase && work.keys == nil ? .locked : .open
            }
        let status = Status(
            state: state, hasPassphrase: hasPassphrase, isReadOnly: work.database?.isReadOnly ?? false, report: work.report)
        shown.withLock { $0 = status }
    }

    /// The database that the path leads to. Keys remain where they still are the ones of its passphrase.
    func database(_ work: inout Work) throws -> HistoryDatabase {
        if let database = work.database {
            if database.isCurrent, !database.isReadOnly || !files.isWritable { return database }
            try? database.queue.close()
            work.database = nil
        }
        let result = try opening.open()
        work.database = result.database
        if let report = result.report { work.report = report }
        if work.keys?.proof != result.database.seal?.proof { forget(&work) }
        return result.database
    }

    func forget(_ work: inout Work) {
        work.keys = nil
        work.index = SearchIndex()
    }

    /// Reads content inside a transaction.
    func read<T: Sendable>(_ body: (ContentStore, inout SearchIndex) throws -> T) throws -> T {
        try perform { database, store, index in
            try database.queue.read { db in try body(store(db), &index) }
        }
    }

    /// Changes content inside a transaction: all of it, or nothing.
    func write<T: Sendable>(_ body: (ContentStore) throws -> T) throws -> T {
        try perform { database, store, _ in
            guard !database.isReadOnly else {
                throw HadalError(
                    .io, "the history can only be read", at: SourcePlace(self.files.database), hint: "its directory cannot be written")
            }
            return try database.queue.write { db in
                // The lock is held now, and nobody replaces the file while it is.
                guard database.isCurrent else { throw Replaced() }
                return try body(store(db))
            }
        }
    }

    private struct Replaced: Error {}

    /// Runs `body` on the database that the path leads to, again where another process replaced it meanwhile.
    private func perform<T: Sendable>(
        _ body: (HistoryDatabase, (Database) -> ContentStore, inout SearchIndex) throws -> T
    ) throws -> T {
        try locked { work in
            var tries = 0
            while true {
                let database = try self.database(&work)
                guard database.seal == nil || work.keys != nil else { throw HistoryAccessError.locked }
                let keys = work.keys
                do {
                    return try body(database, { ContentStore(db: $0, keys: keys) }, &work.index)
                } catch {
                    tries += 1
                    if database.isCurrent || tries == 5 { throw HistoryDatabase.translated(error, files.database) }
                }
            }
        }
    }
}
