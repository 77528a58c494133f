import HadalCore
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A lock on the history's directory: one process at a time opens, repairs, migrates or replaces the database.
///
/// Held until it is let go or the process ends, however it ends. Any thread.
final class DirectoryLock {
    private let descriptor: Int32

    /// Waits for others that hold it.
    ///
    /// - Parameter seconds: how long at most.
    /// - Throws: `io` when the directory cannot be opened, or when another process holds it for longer.
    init(_ directory: String, seconds: Double) throws {
        descriptor = open(directory, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        guard descriptor >= 0 else {
            throw HadalError(.io, "cannot open the history's directory: \(String(cString: strerror(errno)))", at: SourcePlace(directory))
        }
        let deadline = MonotonicClock.seconds + seconds
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            // A file system without locks: SQLite's own have to do.
            guard errno == EWOULDBLOCK || errno == EINTR else { return }
            // The descriptor is closed by deinit, which runs for an initialiser that throws once it is set.
            guard MonotonicClock.seconds < deadline else {
                throw HadalError(.io, "another process keeps the history to itself", at: SourcePlace(directory))
            }
            usleep(5000)
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}
