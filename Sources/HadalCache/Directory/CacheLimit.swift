#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Keeps the blocks of a cache directory, whoever wrote them, within a number of bytes: those go first that were used least recently.
///
/// What other processes write is seen when the directory is scanned, which happens often enough, and frees so much, that some of them together stay
/// within the limit as well. One thread at a time.
struct CacheLimit {
    private let directory: String
    private let limit: Int
    /// Bytes of all blocks, as far as is known.
    private var total: Int
    private var writtenSinceScan = 0

    /// - Parameter total: bytes of the blocks that are there.
    init(directory: String, bytes limit: Int, total: Int) { (self.directory, self.limit, self.total) = (directory, limit, total) }

    /// Whether a file may be written without looking.
    func hasRoom(for bytes: Int) -> Bool { total + bytes <= limit && writtenSinceScan + bytes <= limit / 64 }

    mutating func add(_ bytes: Int, replacing old: Int) {
        total += bytes - old
        writtenSinceScan += bytes
    }

    /// Scans the directory, and removes what is too much.
    ///
    /// - Returns: the blocks that are left, and whether a file of `bytes` fits beside them.
    mutating func makeRoom(for bytes: Int) -> (left: [CacheFolder.File], fits: Bool) {
        var left = CacheFolder.files(in: directory).filter(\.kind.isBlock).sorted { $0.status.use > $1.status.use }
        total = left.reduce(0) { $0 + $1.status.bytes }
        writtenSinceScan = 0
        guard bytes <= limit, total + bytes > limit else { return (left, bytes <= limit) }
        let most = max(0, limit - limit / 16 - bytes)
        while total > most, let oldest = left.last, unlink(oldest.path) == 0 || errno == ENOENT {
            total -= oldest.status.bytes
            left.removeLast()
        }
        return (left, total + bytes <= limit)
    }
}
