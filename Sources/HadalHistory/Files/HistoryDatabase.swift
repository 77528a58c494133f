import Foundation
import GRDB
import HadalCore
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The open database of a history.
///
/// A rollback journal rather than a write-ahead log: between transactions the database is one file, so that another takes its place by one
/// rename, and no log keeps what was deleted. Writers of all processes wait for each other at SQLite's locks.
///
/// Thread safety: `History` lets one thread at a time in.
final class HistoryDatabase: Sendable {
    let queue: DatabaseQueue
    let files: HistoryFiles
    let isReadOnly: Bool
    /// nil: no passphrase is set.
    let seal: SealHeader?
    private let identity: FileIdentity

    init(queue: DatabaseQueue, files: HistoryFiles, isReadOnly: Bool, seal: SealHeader?, identity: FileIdentity) {
        self.queue = queue
        self.files = files
        self.isReadOnly = isReadOnly
        self.seal = seal
        self.identity = identity
    }

    /// Whether the path still leads to the file that is open. Inside a transaction that writes it stays so until the end.
    var isCurrent: Bool { FileIdentity(path: files.database) == identity }

    /// Opens a connection and sets it up.
    ///
    /// - Parameter timeout: how long to wait for other processes, in seconds.
    static func queue(_ path: String, isReadOnly: Bool = false, timeout: Double) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.readonly = isReadOnly
        configuration.busyMode = .timeout(timeout)
        configuration.foreignKeysEnabled = true
        configuration.prepareDatabase { db in
            // What is deleted is overwritten in the file, and no temporary table or index is written to one.
            for setting in [
                "secure_delete = ON", "temp_store = MEMORY", "synchronous = FULL", "trusted_schema = OFF", "cell_size_check = ON",
            ] {
                try db.execute(sql: "PRAGMA \(setting)")
            }
        }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Begins a file of the user's own. One that is there is left as it is.
    static func begin(_ path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw HadalError(.io, "cannot make the history: \(String(cString: strerror(errno)))", at: SourcePlace(path))
        }
        // The mask may have taken rights away, an earlier program may have given more.
        fchmod(descriptor, 0o600)
        close(descriptor)
    }
}

extension HistoryDatabase {
    /// What GRDB throws, as a `HadalError` that says what a user can do; other errors as they are.
    static func translated(_ error: any Error, _ path: String) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        let text = error.message ?? error.resultCode.description
        let place = SourcePlace(path)
        switch error.resultCode {
        case .SQLITE_FULL:
            return HadalError(.io, "the disk is full: nothing was written to the history", at: place, hint: "free some space")
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN:
            return HadalError(.io, "the history cannot be written: \(text)", at: place)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return HadalError(.io, "another process is using the history for too long: \(text)", at: place, hint: "try again")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            return HadalError(
                .corrupt, "the history is damaged: \(text)", at: place, hint: "it is kept aside when the history is opened next")
        case .SQLITE_NOMEM: return HadalError(.outOfMemory, "out of memory while reading the history", at: place)
        default: return HadalError(.io, "the history cannot be used: \(text)", at: place)
        }
    }

    static func isDamage(_ error: any Error) -> Bool {
        if let error = error as? DatabaseError { return error.resultCode == .SQLITE_CORRUPT || error.resultCode == .SQLITE_NOTADB }
        return (error as? HadalError)?.code == .corrupt
    }
}
