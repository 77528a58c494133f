import Foundation
import GRDB
import HadalCore
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Opens the database of a history: makes it, checks it, migrates it, and keeps a damaged one aside. A value.
struct HistoryOpening: Sendable {
    let files: HistoryFiles
    let schema: Schema
    /// How long to wait for other processes, in seconds.
    let timeout: Double

    /// What came of it.
    struct Result {
        var database: HistoryDatabase
        /// For a person: what was found damaged and where it lies now.
        var report: String?
    }

    /// - Throws: `io` where the directory or the file cannot be used, `unsupported` for a version that is not known, whose file is not touched.
    func open() throws -> Result {
        if FileIdentity(path: files.directory) == nil { try WholeFile.makeDirectories(files.directory, for: .owner) }
        // A directory that holds other files was not made for the history, and keeps its mode. What fails here shows below.
        if files.ownsDirectory { chmod(files.directory, 0o700) }
        let lock = try DirectoryLock(files.directory, seconds: timeout)
        defer { withExtendedLifetime(lock) {} }
        if files.isWritable { try FileRemains.destroy(files.replacement) }
        do {
            return try Result(database: openFile(), report: nil)
        } catch let damage as Damage {
            guard files.isWritable else {
                throw HadalError(.corrupt, "the history is damaged: \(damage.reason)", at: SourcePlace(files.database))
            }
            let place = try keepAside()
            return try Result(
                database: openFile(),
                report: "The history was damaged (\(damage.reason)). It lies in \(place) now, and a new one was begun.")
        } catch {
            throw HistoryDatabase.translated(error, files.database)
        }
    }

    private struct Damage: Error { let reason: String }

    private func openFile() throws -> HistoryDatabase {
        let header = try FileHeader.read(files.database)
        switch header {
        case .absent: try HistoryDatabase.begin(files.database)
        case .empty: break
        case .foreign: throw Damage(reason: "it is not a database of conversations")
        case .history(let version):
            guard version <= schema.version else {
                throw HadalError(
                    .unsupported,
                    "the history was written by a later version of this program (\(version), this one knows \(schema.version))",
                    at: SourcePlace(files.database), hint: "use that version; the file was not touched")
            }
        }
        let isReadOnly = !files.isWritable || access(files.database, W_OK) != 0
        if !isReadOnly { chmod(files.database, 0o600) }
        do {
            let before = FileIdentity(path: files.database)
            let queue = try HistoryDatabase.queue(files.database, isReadOnly: isReadOnly, timeout: timeout)
            guard let identity = FileIdentity(path: files.database), identity == before else {
                throw HadalError(.io, "the history was replaced while it was opened", at: SourcePlace(files.database), hint: "try again")
            }
            try check(queue)
            let seal = try header.isNew && !isReadOnly ? begin(queue) : migrated(queue, isReadOnly: isReadOnly)
            if !isReadOnly { try files.keepHeader(seal) }
            return HistoryDatabase(queue: queue, files: files, isReadOnly: isReadOnly, seal: seal, identity: identity)
        } catch  where HistoryDatabase.isDamage(error) {
            throw Damage(reason: (error as? DatabaseError)?.message ?? "\(error)")
        }
    }

    /// - Throws: `corrupt` for damaged pages, indices and values.
    private func check(_ queue: DatabaseQueue) throws {
        let faults = try queue.read { try Row.fetchAll($0, sql: "PRAGMA integrity_check(1)").map { try $0.string("integrity_check") } }
        if faults != ["ok"] { throw HadalError(.corrupt, faults.first ?? "the check of its integrity failed") }
    }

    /// Makes the tables of a new history. After a sealed one that was damaged the passphrase remains the same.
    private func begin(_ queue: DatabaseQueue) throws -> SealHeader? {
        let seal = try files.header()
        try queue.write { db in
            try schema.migrate(db, from: 0)
            try seal?.write(db)
        }
        return seal
    }

    /// Takes an earlier version to this one and keeps a copy of what it was.
    private func migrated(_ queue: DatabaseQueue, isReadOnly: Bool) throws -> SealHeader? {
        let found = try queue.read { try version($0) }
        if found < schema.version {
            guard !isReadOnly else {
                throw HadalError(
                    .io, "the history is of an earlier version, and its directory cannot be written", at: SourcePlace(files.database))
            }
            let file = try FileRemains(files.database, forWriting: false)
            // Until the transaction has ended: see `FileRemains`.
            defer { withExtendedLifetime(file) {} }
            try queue.inTransaction(.exclusive) { db in
                try file.copy(to: files.copy(before: found + 1))
                files.synchronise()
                try schema.migrate(db, from: found)
                return .commit
            }
        }
        return try queue.read { try SealHeader.read($0) }
    }

    private func version(_ db: Database) throws -> Int {
        try Row.fetchOne(db, sql: "PRAGMA user_version")?.integer("user_version") ?? 0
    }

    /// Gives a damaged file another name, its journal first: SQLite would play it into what comes next.
    private func keepAside() throws -> String {
        let place = files.newDamagedName()
        let hasJournal = FileIdentity(path: files.journal) != nil
        guard !hasJournal || rename(files.journal, "\(place)-journal") == 0, rename(files.database, place) == 0 else {
            throw HadalError(
                .io, "the history is damaged and cannot be kept aside: \(String(cString: strerror(errno)))", at: SourcePlace(files.database)
            )
        }
        files.synchronise()
        return place
    }
}

extension FileHeader {
    fileprivate var isNew: Bool { self == .absent || self == .empty }
}
