#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the system knows of a file without opening it. The time of its last change is when it was used last.
struct FileStatus: Equatable, Sendable {
    let bytes: Int
    /// Nanoseconds since 1970.
    let use: Int64

    /// - Returns: nil when there is no regular file, links included.
    init?(_ path: String) {
        var info = stat()
        guard lstat(path, &info) == 0, info.st_mode & S_IFMT == S_IFREG else { return nil }
        #if canImport(Glibc)
            let time = info.st_mtim
        #else
            let time = info.st_mtimespec
        #endif
        bytes = Int(info.st_size)
        use = Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    /// Whether anything has this name.
    static func exists(_ path: String) -> Bool {
        var info = stat()
        return lstat(path, &info) == 0
    }

    /// Says when a file was used. A file that is not there is none to speak of.
    static func set(use: Int64, of path: String) {
        let time = timespec(tv_sec: Int(use / 1_000_000_000), tv_nsec: Int(use % 1_000_000_000))
        utimensat(AT_FDCWD, path, [time, time], AT_SYMLINK_NOFOLLOW)
    }

    /// The time that a file used now has.
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
