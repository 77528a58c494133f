import HadalCore
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The files of a history, all in one directory that belongs to it alone. A value.
struct HistoryFiles: Sendable {
    let directory: String

    var database: String { "\(directory)/history.sqlite" }
    /// SQLite's rollback journal: there while a transaction writes, and after a process was killed in one.
    var journal: String { "\(database)-journal" }
    /// What is to take the database's place, while it is written.
    var replacement: String { "\(database).new" }
    /// The header of the passphrase once more, so that a history that was damaged is not followed by one that anybody can read.
    var passphrase: String { "\(directory)/history.passphrase" }

    /// The database as it was before it became this version.
    func copy(before version: Int) -> String { "\(database).before-\(version)" }

    /// The copies that migrations left. Conversations that are deleted, or sealed, have to leave them as well.
    var copies: [String] { named("history.sqlite.before-") }
    /// Damaged files that were kept aside.
    var damaged: [String] { named("history.sqlite.damaged-") }

    private func named(_ prefix: String) -> [String] {
        (DirectoryListing.names(directory) ?? []).filter { $0.hasPrefix(prefix) }.sorted().map { "\(directory)/\($0)" }
    }

    /// A name for a damaged file that no file has.
    func newDamagedName() -> String {
        let stem = "\(database).damaged-\(HistoryClock.stamp())"
        var (name, number) = (stem, 2)
        while FileIdentity(path: name) != nil || FileIdentity(path: "\(name)-journal") != nil {
            name = "\(stem)-\(number)"
            number += 1
        }
        return name
    }

    /// Whether files of the directory can be made and replaced.
    var isWritable: Bool { access(directory, W_OK | X_OK) == 0 }

    /// Whether nothing else lies in the directory.
    var ownsDirectory: Bool { DirectoryListing.names(directory)?.allSatisfy { $0.hasPrefix("history.") } ?? false }

    /// Makes what was renamed in the directory last through a power failure, as far as the file system can.
    func synchronise() {
        let descriptor = open(directory, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
