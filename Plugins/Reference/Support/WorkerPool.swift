import HadalCore

/// Threads that share the rows of a loop. Started when first needed, joined by `join` and at the end.
///
/// One caller at a time, which works too. Each index is handled by exactly one thread, so results do not depend on how many there are.
final class WorkerPool: Sendable {
    /// Threads a loop is spread over, the caller's included.
    let threads: Int
    private let shared = Monitor(Shared())
    private let wake = Condition()
    private let done = Condition()

    private struct Shared {
        var started: [SystemThread] = []
        /// Counts loops.
        var generation = 0
        /// Threads that have not done their part of the loop.
        var remaining = 0
        var stopping = false
        var job: Job?
    }

    /// A loop in parts, one for each thread.
    private struct Job: Sendable {
        var body: @Sendable (Range<Int>) -> Void
        var count: Int
        var parts: Int

        func run(_ part: Int) { body(count * part / parts..<count * (part + 1) / parts) }
    }

    init(threads: Int) { self.threads = max(threads, 1) }

    deinit { join() }

    /// Runs `work` over 0..<count in consecutive parts and returns when all are done.
    ///
    /// - Parameter cost: rough number of multiplications; small loops stay on the calling thread.
    func forEach(_ count: Int, cost: Int, _ work: @Sendable (Range<Int>) -> Void) {
        guard threads > 1, count > 1, cost > 200_000 else { return work(0..<count) }
        withoutActuallyEscaping(work) { work in
            let job = shared.withLock { shared in
                startThreads(&shared)
                let job = Job(body: work, count: count, parts: shared.started.count + 1)
                shared.job = job
                shared.remaining = shared.started.count
                shared.generation += 1
                return job
            }
            wake.wakeAll()
            job.run(0)
            shared.wait(on: done, until: { $0.remaining == 0 }) { $0.job = nil }
        }
    }

    /// Ends and joins the threads; the next loop starts them again.
    func join() {
        let ending = shared.withLock { shared in
            shared.stopping = true
            defer { shared.started = [] }
            return shared.started
        }
        wake.wakeAll()
        for thread in ending { thread.join() }
        shared.withLock { $0.stopping = false }
    }

    /// A thread that cannot be started is done without.
    private func startThreads(_ shared: inout Shared) {
        guard shared.started.isEmpty else { return }
        let generation = shared.generation
        for index in 1..<threads {
            // The pool joins its threads before it goes.
            guard let thread = SystemThread(name: "hadal-reference", { [unowned(unsafe) self] in serve(index, since: generation) }) else {
                break
            }
            shared.started.append(thread)
        }
    }

    private func serve(_ index: Int, since first: Int) {
        var seen = first
        // The job is let go of before the caller is told: the loop's body ends with the loop.
        while runNext(part: index, &seen) {
            let isLast = shared.withLock { shared in
                shared.remaining -= 1
                return shared.remaining == 0
            }
            if isLast { done.wakeOne() }
        }
    }

    /// Runs a part of the next loop. Returns false when there is none to come.
    private func runNext(part: Int, _ seen: inout Int) -> Bool {
        let job = shared.wait(on: wake, until: { $0.generation != seen || $0.stopping }) { shared -> Job? in
            guard shared.generation != seen else { return nil }
            seen = shared.generation
            return shared.job
        }
        job?.run(part)
        return job != nil
    }
}
