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

    mutating func add(_ bytes: Int) {
        total += bytes
        writtenSinceScan += bytes
    }

    /// Scans the directory, and removes what is too much.
    ///
    /// - Returns: false when no file of `bytes` fits.
    mutating func makeRoom(for bytes: Int) -> Bool {
        guard bytes <= limit else { return false }
        let blocks = CacheFolder.all(in: directory).flatMap { $0.files.filter(\.kind.isBlock) }.sorted { $0.status.use < $1.status.use }
        total = blocks.reduce(0) { $0 + $1.status.bytes }
        writtenSinceScan = 0
        guard total + bytes > limit else { return true }
        let most = max(0, limit - limit / 16 - bytes)
        for block in blocks where total > most {
            guard unlink(block.path) == 0 || errno == ENOENT else { continue }
            total -= block.status.bytes
        }
        return total + bytes <= limit
    }
}
