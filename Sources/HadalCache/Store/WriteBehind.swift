import HadalCore

/// What the thread does that writes blocks. A disk that is full or cannot be written costs the cache and nothing else.
///
/// Only that thread uses it.
final class WriteBehind: @unchecked Sendable {
    /// After a failure, nanoseconds.
    private static let pause: UInt64 = 60_000_000_000

    private let blocks: StoredBlocks
    private let queue: WriteQueue
    private let writer: BlockWriter
    private let log: LogSink
    private var limit: CacheLimit
    private var pausedUntil: UInt64 = 0
    private var hasWarned = false

    /// - Throws: `unsupported` where libcrypto lacks an algorithm.
    init(_ blocks: StoredBlocks, _ queue: WriteQueue, limit: CacheLimit, log: LogSink) throws {
        (self.blocks, self.queue, self.limit, self.log) = (blocks, queue, limit, log)
        writer = try BlockWriter(sealed: blocks.keys.isSealed)
    }

    /// Works until the queue is closed and empty.
    func run() {
        while true {
            switch queue.next() {
            case .write(let block):
                write(block)
                queue.finishFirst()
            case .saveUses: blocks.saveUses()
            case .end: return blocks.saveUses()
            }
        }
    }

    private func write(_ block: WriteQueue.Block) {
        guard MonotonicClock.nanoseconds >= pausedUntil, !blocks.isForgotten(block.group),
            !blocks.isThere(block.name, withSnapshot: block.header.hasSnapshot),
            let bytes = block.header.fileBytes
        else { return }
        do {
            try blocks.restoreFolder()
            if !limit.hasRoom(for: bytes) {
                blocks.saveUses()
                let (left, fits) = limit.makeRoom(for: bytes)
                blocks.update(left)
                guard fits else { return }
            }
            let replaced = FileStatus(blocks.path(block.name))?.bytes ?? 0
            try writer.write(block.pieces, header: block.header, under: block.keys, to: blocks.path(block.name))
            limit.add(bytes, replacing: replaced)
            // The group was removed while the block was written.
            if blocks.isForgotten(block.group) { return blocks.remove(block.name) }
            blocks.add(block.name, parent: block.parent)
            if blocks.markUsed(block.name, parent: block.parent) { queue.noteUse() }
        } catch {
            // The unfinished file was removed with its group.
            if blocks.isForgotten(block.group) { return }
            pausedUntil = MonotonicClock.nanoseconds + Self.pause
            if !hasWarned {
                log.write(.warning, "the cache on disk is full or cannot be written, and takes no more blocks for now: \(error)")
            }
            hasWarned = true
        }
    }
}
