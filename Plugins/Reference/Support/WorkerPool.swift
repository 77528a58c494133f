#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Threads that share the rows of a loop. Started when first needed, joined by `join` and at the end.
///
/// One caller at a time, which works too. Each index is handled by exactly one thread, so results do not depend on how many there are.
final class WorkerPool: @unchecked Sendable {
    /// Threads a loop is spread over, the caller's included.
    let threads: Int
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let done = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    // Guarded by `lock`.
    private var started: [pthread_t] = []
    private var generation = 0
    private var remaining = 0
    private var stopping = false
    private var body: ((Range<Int>) -> Void)?
    private var total = 0

    init(threads: Int) {
        self.threads = max(threads, 1)
        pthread_mutex_init(lock, nil)
        pthread_cond_init(wake, nil)
        pthread_cond_init(done, nil)
    }

    deinit {
        join()
        pthread_cond_destroy(done)
        pthread_cond_destroy(wake)
        pthread_mutex_destroy(lock)
        done.deallocate()
        wake.deallocate()
        lock.deallocate()
    }

    /// Runs `work` over 0..<count in consecutive parts and returns when all are done.
    ///
    /// - Parameter cost: rough number of multiplications; small loops stay on the calling thread.
    func forEach(_ count: Int, cost: Int, _ work: @Sendable (Range<Int>) -> Void) {
        guard threads > 1, count > 1, cost > 200_000 else { return work(0..<count) }
        withoutActuallyEscaping(work) { work in
            pthread_mutex_lock(lock)
            startThreads()
            let helpers = started.count
            body = work
            total = count
            remaining = helpers
            generation += 1
            pthread_cond_broadcast(wake)
            pthread_mutex_unlock(lock)
            work(part(0, of: helpers + 1, count))
            pthread_mutex_lock(lock)
            while remaining > 0 { pthread_cond_wait(done, lock) }
            body = nil
            pthread_mutex_unlock(lock)
        }
    }

    /// Ends and joins the threads; the next loop starts them again.
    func join() {
        pthread_mutex_lock(lock)
        stopping = true
        pthread_cond_broadcast(wake)
        let ending = started
        started = []
        pthread_mutex_unlock(lock)
        for thread in ending { pthread_join(thread, nil) }
        pthread_mutex_lock(lock)
        stopping = false
        pthread_mutex_unlock(lock)
    }

    private func part(_ index: Int, of parts: Int, _ count: Int) -> Range<Int> {
        count * index / parts..<count * (index + 1) / parts
    }

    private struct Start {
        unowned(unsafe) let pool: WorkerPool
        let index: Int
        let generation: Int
    }

    /// Called with the lock held. A thread that cannot be started is done without.
    private func startThreads() {
        guard started.isEmpty else { return }
        for index in 1..<threads {
            let start = UnsafeMutablePointer<Start>.allocate(capacity: 1)
            start.initialize(to: Start(pool: self, index: index, generation: generation))
            #if canImport(Darwin)
            var thread: pthread_t?
            #else
            var thread = pthread_t()
            #endif
            let failed = pthread_create(&thread, nil, { argument in
                #if canImport(Darwin)
                let start = argument.assumingMemoryBound(to: Start.self)
                #else
                guard let start = argument?.assumingMemoryBound(to: Start.self) else { return nil }
                #endif
                let (pool, index, generation) = (start.pointee.pool, start.pointee.index, start.pointee.generation)
                start.deinitialize(count: 1)
                start.deallocate()
                pool.serve(index, since: generation)
                return nil
            }, start)
            guard failed == 0 else {
                start.deinitialize(count: 1)
                start.deallocate()
                break
            }
            #if canImport(Darwin)
            if let thread { started.append(thread) }
            #else
            started.append(thread)
            #endif
        }
    }

    private func serve(_ index: Int, since first: Int) {
        var seen = first
        pthread_mutex_lock(lock)
        while true {
            while generation == seen, !stopping { pthread_cond_wait(wake, lock) }
            if generation == seen { break }
            seen = generation
            let (work, range) = (body, part(index, of: started.count + 1, total))
            pthread_mutex_unlock(lock)
            work?(range)
            pthread_mutex_lock(lock)
            remaining -= 1
            if remaining == 0 { pthread_cond_signal(done) }
        }
        pthread_mutex_unlock(lock)
    }
}
