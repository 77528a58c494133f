import HadalCore
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A lock on one model's directory, held until the object goes away or the process ends, however it ends.
final class StoreLock: Sendable {
    private let descriptor: Int32

    /// - Throws: `io` at once when somebody else holds it.
    init(directory: String, name: String) throws {
        let path = "\(directory)/.lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileBytes.error("cannot create", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let busy = errno == EWOULDBLOCK
            let error = FileBytes.error("cannot lock", path)
            close(descriptor)
            throw busy ? HadalError(.io, "'\(name)' is being pulled by another process", at: SourcePlace(directory)) : error
        }
    }

    deinit { close(descriptor) }
}
