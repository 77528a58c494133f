import Synchronization

/// Readers with their buffers, lent to threads. Any thread.
final class ReaderPool: Sendable {
    private let keys: SealingKeys
    private let idle: Mutex<[BlockReader]>

    /// - Throws: `unsupported` where libcrypto lacks an algorithm.
    init(_ keys: SealingKeys) throws {
        self.keys = keys
        idle = Mutex([try BlockReader(keys)])
    }

    /// Runs `body` with a reader that nobody else has; with nil where there is none.
    func withReader<R>(_ body: (BlockReader?) throws -> R) rethrows -> R {
        let reader = idle.withLock { $0.popLast() } ?? (try? BlockReader(keys))
        defer { if let reader { idle.withLock { $0.append(reader) } } }
        return try body(reader)
    }
}
