import HadalCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

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
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>

    // Guarded by the lock.
    private var readBatches = 0
    private var usedBatches = 0
    private var failure: HadalError?
    private var quits = false
    private var isPast: Bool

    private let policy: CachePolicy
    /// Nanoseconds: when the first batch was asked for, and how long batches were waited for in all.
    private var begin: UInt64 = 0
    private var waited: UInt64 = 0
    private var handle: pthread_t?

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
        isPast = policy != .keep
        files = StoredFiles(past: isPast)
        capacity = batches.reduce(0) { max($0, $1.bufferBytes) }
        count = min(Self.depth, max(batches.count, 1))
        let (bytes, overflow) = capacity.multipliedReportingOverflow(by: count)
        guard !overflow else { throw HadalError(.outOfMemory, "the rows of a weight are too large to address") }
        memory = try HostMemory(bytes: bytes, huge: true)
        lock = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
        changed = .allocate(capacity: 1)
        pthread_cond_init(changed, nil)
        if batches.count > 1, capacity > 0 { start() }
    }

    deinit {
        if let handle {
            locked { quits = true }
            pthread_join(handle, nil)
        }
        pthread_mutex_destroy(lock)
        pthread_cond_destroy(changed)
        lock.deallocate()
        changed.deallocate()
    }

    /// The next batch's reads. Valid until `release`.
    func next() throws -> UnsafeRawPointer {
        if handle == nil {
            if let failure = read(usedBatches) { throw failure }
        } else {
            let asked = Self.now()
            pthread_mutex_lock(lock)
            while readBatches <= usedBatches, failure == nil { pthread_cond_wait(changed, lock) }
            // What was read before the failure is packed in vain.
            let failure = failure
            judge(asked: asked, got: Self.now())
            pthread_mutex_unlock(lock)
            if let failure { throw failure }
        }
        return UnsafeRawPointer(buffer(usedBatches))
    }

    /// Gives back the buffer of the last `next`.
    func release() { locked { usedBatches += 1 } }

    private func judge(asked: UInt64, got: UInt64) {
        if begin == 0 { begin = asked }
        waited += got - asked
        if policy == .keepSlow, got - begin > Self.trial, waited > (got - begin) / 2 { isPast = false }
    }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private func locked(_ body: () -> Void) {
        pthread_mutex_lock(lock)
        body()
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(lock)
    }

    private func buffer(_ batch: Int) -> UnsafeMutableRawPointer { memory.pointer + batch % count * capacity }

    private func read(_ batch: Int) -> HadalError? {
        let target = buffer(batch)
        for range in batches[batch].reads {
            let code = files.read(range, to: target + range.bufferOffset)
            guard code == StoredFiles.success else {
                return HadalError(
                    .io, "cannot read weight '\(names[range.job])' (\(range.count) bytes at \(range.offset)): \(StoredFiles.reason(code))")
            }
        }
        return nil
    }

    /// Without a thread, batches are read when they are asked for.
    private func start() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        #if os(Linux)
        var thread = pthread_t()
        let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { BatchReader.main($0) }
        if pthread_create(&thread, nil, main, context) == 0 { handle = thread }
        #else
        var thread: pthread_t?
        if pthread_create(&thread, nil, { BatchReader.main($0) }, context) == 0 { handle = thread }
        #endif
    }

    private static func main(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        // The reader joins its thread before it goes.
        if let argument { Unmanaged<BatchReader>.fromOpaque(argument)._withUnsafeGuaranteedRef { $0.readAll() } }
        return nil
    }

    private func readAll() {
        for batch in batches.indices {
            pthread_mutex_lock(lock)
            while batch >= usedBatches + count, !quits { pthread_cond_wait(changed, lock) }
            let quits = quits
            files.isPast = isPast
            pthread_mutex_unlock(lock)
            if quits { return }
            let failure = read(batch)
            locked {
                if let failure { self.failure = failure } else { readBatches = batch + 1 }
            }
            if failure != nil { return }
        }
    }
}
