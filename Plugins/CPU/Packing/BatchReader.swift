import HadalCore

/// Reads batches in turn, on a thread of its own: the next ones while one is packed.
///
/// Large files are read past the page cache where they are not in it: filling it would take as long as packing, and as much memory again. But
/// a disk that packing waits for is worth caching: the next start will find there what was read from when that showed.
///
/// Thread safety: one thread calls `next` and `release`.
final class BatchReader: @unchecked Sendable {
    private let batches: [PackingBatch]
    private let names: [String]
    private let files: StoredFiles
    private let memory: HostMemory
    /// Bytes of each buffer, and how many there are.
    private let capacity: Int
    private let count: Int
    private let policy: CachePolicy
    private let progress: Monitor<Progress>
    private var thread: SystemThread?

    private struct Progress {
        var readBatches = 0
        var usedBatches = 0
        var failure: HadalError?
        var quits = false
        /// Read past the page cache.
        var isPast: Bool
        /// Nanoseconds: when the first batch was asked for, and how long batches were waited for in all.
        var begin: UInt64 = 0
        var waited: UInt64 = 0
    }

    /// What of files is left in the page cache by reading them.
    enum CachePolicy {
        case keep
        /// What came from a disk that is slow beside packing.
        case keepSlow
        case never
    }

    /// Batches that are there at once.
    static let depth = 4
    /// Nanoseconds after which a disk is judged.
    private static let trial: UInt64 = 500_000_000

    /// - Parameter jobs: those that the batches are of.
    init(_ batches: [PackingBatch], of jobs: [PackingJob], _ policy: CachePolicy) throws {
        self.batches = batches
        self.policy = policy
        names = jobs.map(\.name)
        progress = Monitor(Progress(isPast: policy != .keep))
        files = StoredFiles(past: policy != .keep)
        capacity = batches.reduce(0) { max($0, $1.bufferBytes) }
        count = min(Self.depth, max(batches.count, 1))
        let (bytes, overflow) = capacity.multipliedReportingOverflow(by: count)
        guard !overflow else { throw HadalError(.outOfMemory, "the rows of a weight are too large to address") }
        memory = try HostMemory(bytes: bytes, huge: true)
        guard batches.count > 1, capacity > 0 else { return }
        // The reader joins its thread before it goes. Without a thread, batches are read when they are asked for.
        thread = SystemThread(name: "hadal-pack-read") { [unowned(unsafe) self] in readAll() }
    }

    deinit {
        progress.update { $0.quits = true }
        thread?.join()
    }

    /// The next batch's reads. Valid until `release`.
    func next() throws -> UnsafeRawPointer {
        guard thread != nil else {
            let batch = progress.withLock { $0.usedBatches }
            if let failure = read(batch) { throw failure }
            return UnsafeRawPointer(buffer(batch))
        }
        let asked = MonotonicClock.nanoseconds
        // What was read before the failure is packed in vain.
        let batch = try progress.wait(until: { $0.readBatches > $0.usedBatches || $0.failure != nil }) { progress in
            judge(&progress, asked: asked, got: MonotonicClock.nanoseconds)
            if let failure = progress.failure { throw failure }
            return progress.usedBatches
        }
        return UnsafeRawPointer(buffer(batch))
    }

    /// Gives back the buffer of the last `next`.
    func release() { progress.update { $0.usedBatches += 1 } }

    private func judge(_ progress: inout Progress, asked: UInt64, got: UInt64) {
        if progress.begin == 0 { progress.begin = asked }
        progress.waited += got - asked
        let past = got - progress.begin
        if policy == .keepSlow, past > Self.trial, progress.waited > past / 2 { progress.isPast = false }
    }

    private func buffer(_ batch: Int) -> UnsafeMutableRawPointer { memory.pointer + batch % count * capacity }

    private func read(_ batch: Int) -> HadalError? {
        let target = buffer(batch)
        for range in batches[batch].reads {
            let end = files.read(range, to: target + range.bufferOffset)
            guard end == .complete else {
                return HadalError(.io, "cannot read weight '\(names[range.job])' (\(range.count) bytes at \(range.offset)): \(end.reason)")
            }
        }
        return nil
    }

    private func readAll() {
        for batch in batches.indices {
            let quits = progress.wait(until: { batch < $0.usedBatches + count || $0.quits }) { progress in
                files.isPast = progress.isPast
                return progress.quits
            }
            if quits { return }
            let failure = read(batch)
            progress.update { if let failure { $0.failure = failure } else { $0.readBatches = batch + 1 } }
            if failure != nil { return }
        }
    }
}
