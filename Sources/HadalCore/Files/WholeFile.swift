#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Small files, read and written in one go.
package enum WholeFile {
    /// The bytes of a regular file of at most `limit` bytes; nil when there is none, or it cannot be read.
    package static func read(_ path: String, limit: Int) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG, info.st_size >= 0, Int(info.st_size) <= limit else {
            return nil
        }
        // Shorter than it was said to be: what is there.
        return SystemIO.readAll(descriptor, limit: Int(info.st_size))
    }

    /// Whether there is a regular file.
    package static func exists(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFREG
    }

    /// Who may read what is written.
    package enum Audience: Sendable {
        /// The user alone: what is kept for later runs.
        case owner
        /// All, as far as the process's mask lets them: what a user asked for.
        case everyone

        fileprivate var fileMode: mode_t { self == .owner ? 0o600 : 0o644 }
        fileprivate var directoryMode: mode_t { self == .owner ? 0o700 : 0o755 }

        /// Gives the user what the process's mask took away of a new directory.
        fileprivate func keepDirectory(_ path: String) { if self == .owner { chmod(path, directoryMode) } }
    }

    /// Writes a file as `AtomicFile` does: readers see the old one or the new one. Makes the directories above it.
    ///
    /// - Parameter durable: whether it is on the disk when this returns.
    /// - Throws: `io` with what the system says.
    package static func write(_ bytes: [UInt8], to path: String, for audience: Audience = .owner, durable: Bool = false) throws {
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex { try makeDirectories(String(path[..<slash]), for: audience) }
        let file = try AtomicFile(path: path, mode: audience.fileMode, ignoringMask: audience == .owner, durable: durable)
        try file.write(bytes)
        try file.commit()
    }

    /// Makes a directory and the missing ones above it.
    ///
    /// - Throws: `io` for the one that cannot be made.
    package static func makeDirectories(_ path: String, for audience: Audience) throws {
        if mkdir(path, audience.directoryMode) == 0 { return audience.keepDirectory(path) }
        var number = errno
        if number == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try makeDirectories(String(path[..<slash]), for: audience)
            if mkdir(path, audience.directoryMode) == 0 { return audience.keepDirectory(path) }
            number = errno
        }
        var info = stat()
        guard stat(path, &info) == 0, info.st_mode & S_IFMT == S_IFDIR else {
            throw HadalError(.io, "cannot create the directory: \(String(cString: strerror(number)))", at: SourcePlace(path))
        }
    }
}
