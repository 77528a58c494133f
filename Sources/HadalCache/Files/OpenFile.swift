#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A regular file, open for reading as long as the object lives. Links are not followed.
final class OpenFile {
    let descriptor: Int32
    let bytes: Int

    /// - Returns: nil when there is none, or it may not be read.
    init?(_ path: String) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        var info = stat()
        guard fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            return nil
        }
        bytes = Int(info.st_size)
    }

    deinit { close(descriptor) }

    /// Tells the system that the file will be read soon.
    func prefetch() {
        #if os(Linux)
            _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_WILLNEED)
        #endif
    }
}
