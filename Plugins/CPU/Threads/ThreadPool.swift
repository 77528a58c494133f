import CHadalKernels
import CHadalPlugin
import CHadalSystem
import HadalCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One call of a kernel by all threads.
struct Instruction {
    typealias Function = @convention(c) (UnsafePointer<hadal_kernel_args>?, UnsafePointer<hadal_kernel_thread>?) -> Void
    var function: Function
    var arguments: UnsafePointer<hadal_kernel_args>
    /// The graph's node that this is reported as.
    var node: UInt32
    /// All threads have to meet before this: it reads what others wrote, or writes where others read.
    var barrier: Bool
    /// Weights that this instruction or one soon after it begins to read: prefetched while threads wait for each other. `prefetchCount` of them.
    var prefetches: UnsafePointer<WeightPrefetch>?
    var prefetchCount = 0
    /// Runs this instruction and the `span - 1` that follow, as often as it takes; nil: they are run one after the other.
    var stream: Unmanaged<ExpertStream>?
    var span = 1
}

/// Where threads begin to read a packed weight: groups of rows, shared out among them.
struct WeightPrefetch {
    var base: UnsafeRawPointer
    var groups: Int
    var groupBytes: Int

    /// How much each thread prefetches: kernels themselves prefetch what lies further on.
    static let bytes = 8192

    @inline(__always) func prefetch(thread: Int, of threads: Int) {
        hadal_system_prefetch(base + groups * thread / threads * groupBytes, min(Self.bytes, groups * groupBytes))
    }
}

/// A list of instructions and how to run it. Borrowed for the duration of `ThreadPool.run`.
struct Run {
    var instructions: UnsafeBufferPointer<Instruction>
    var cancel: UnsafePointer<UInt32>?
    var trace: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<hadal_trace_event>?) -> Void)?
    var traceContext: UnsafeMutableRawPointer?
}

/// Threads that run instruction lists together: each goes through the whole list and takes its share of every kernel.
///
/// The caller's thread is thread 0. The others start with the first run, wait spinning for a moment after each run and then
/// sleep, and end with `quiesce`. Thread safety: one thread at a time.
final class ThreadPool: @unchecked Sendable {
    let threads: Int
    private let barrier: Barrier
    private let ticket = AtomicWord()
    private let idle = AtomicWord()
    /// Number of the barrier after which all threads stop; the largest number: none.
    private let stop = AtomicWord(UInt32.max)
    private let quit = AtomicWord()
    /// How a stream ended the run early; thread 0's. nil: it did not.
    private var interruption: Outcome?
    private let run: UnsafeMutablePointer<Run>
    private let contexts: UnsafeMutablePointer<hadal_kernel_thread>
    private var helpers: [SystemThread] = []

    private let order: ShareOrder

    init(threads: Int, sgemm: hadal_kernel_sgemm?, order: ShareOrder = .together) {
        self.order = order
        self.threads = max(1, threads)
        barrier = Barrier(threads: self.threads)
        run = .allocate(capacity: 1)
        run.initialize(to: Run(instructions: .init(start: nil, count: 0)))
        contexts = .allocate(capacity: self.threads)
        for index in 0..<self.threads {
            contexts[index] = hadal_kernel_thread(
                size: UInt32(MemoryLayout<hadal_kernel_thread>.size), index: UInt32(index), count: UInt32(self.threads), reserved: 0,
                scratch: nil, scratch_bytes: 0, sgemm: sgemm)
        }
    }

    deinit {
        quiesce()
        for index in 0..<threads { free(contexts[index].scratch) }
        contexts.deallocate()
        run.deallocate()
    }

    /// Makes each thread's scratch at least this large. Not during a run.
    func reserve(scratch bytes: Int) -> Bool {
        for index in 0..<threads where contexts[index].scratch_bytes < UInt64(bytes) {
            var memory: UnsafeMutableRawPointer?
            guard posix_memalign(&memory, 64, bytes) == 0 else { return false }
            free(contexts[index].scratch)
            contexts[index].scratch = memory
            contexts[index].scratch_bytes = UInt64(bytes)
        }
        return true
    }

    enum Outcome { case done, cancelled, noThreads, failed }

    /// Runs the list to its end, or to where it was cancelled.
    func run(_ list: Run) -> Outcome {
        if order != .together { return runInTurns(list) }
        if helpers.count < threads - 1, !start() {
            quiesce()
            return .noThreads
        }
        run.pointee = list
        interruption = nil
        stop.set(UInt32.max)
        if threads > 1 {
            ticket.increment()
            if idle.value > 0 { ticket.wakeAll() }
        }
        work(0)
        if let interruption { return interruption }
        return stop.relaxed == UInt32.max ? .done : .cancelled
    }

    /// The caller's thread computes every share of an instruction before it goes on to the next.
    private func runInTurns(_ list: Run) -> Outcome {
        for position in list.instructions.indices {
            if CancelFlag.isSet(list.cancel) { return .cancelled }
            let instruction = list.instructions[position], begin = list.trace == nil ? 0 : MonotonicClock.nanoseconds
            for turn in 0..<threads {
                instruction.function(instruction.arguments, contexts + (order == .forward ? turn : threads - 1 - turn))
            }
            let isLast = position + 1 == list.instructions.count || list.instructions[position + 1].node != instruction.node
            if list.trace != nil, isLast { _ = report(list, instruction.node, since: begin) }
        }
        return .done
    }

    /// Joins all threads. The next run starts them again.
    func quiesce() {
        guard !helpers.isEmpty else { return }
        quit.set(1)
        ticket.increment()
        ticket.wakeAll()
        for thread in helpers { thread.join() }
        helpers = []
        quit.set(0)
    }

    /// One thread's way through the list.
    private func work(_ index: Int) {
        let list = run.pointee
        let context = UnsafePointer(contexts + index)
        let tracing = list.trace != nil
        var passed: UInt32 = 0
        var begin = tracing ? MonotonicClock.nanoseconds : 0
        var position = 0
        while position < list.instructions.count {
            let instruction = list.instructions[position]
            if instruction.barrier || tracing {
                passed &+= 1
                if index == 0, CancelFlag.isSet(list.cancel), stop.relaxed == UInt32.max {
                    stop.set(passed)
                }
                barrier.wait { for i in 0..<instruction.prefetchCount { instruction.prefetches?[i].prefetch(thread: index, of: threads) } }
                // Compared with the barrier's number: thread 0 may already have asked to stop after the next one.
                if stop.relaxed <= passed { break }
                if tracing, index == 0, position > 0, list.instructions[position - 1].node != instruction.node {
                    begin = report(list, list.instructions[position - 1].node, since: begin)
                }
            }
            if let stream = instruction.stream, let first = list.instructions.baseAddress {
                let outcome = stream._withUnsafeGuaranteedRef {
                    $0.run(first + position, count: instruction.span, context, barrier, cancel: list.cancel)
                }
                if outcome != .done {
                    if index == 0 { interruption = outcome == .failed ? .failed : .cancelled }
                    break
                }
            } else {
                instruction.function(instruction.arguments, context)
            }
            position += instruction.span
        }
        barrier.wait()
        if tracing, index == 0, stop.relaxed == UInt32.max, interruption == nil, let last = list.instructions.last {
            _ = report(list, last.node, since: begin)
        }
    }

    private func report(_ list: Run, _ node: UInt32, since begin: UInt64) -> UInt64 {
        let end = MonotonicClock.nanoseconds
        var event = hadal_trace_event(
            size: UInt32(MemoryLayout<hadal_trace_event>.size), node: node, start_ns: begin, duration_ns: end - begin, bytes: 0)
        list.trace?(list.traceContext, &event)
        return MonotonicClock.nanoseconds
    }

    private func start() -> Bool {
        for index in helpers.count + 1..<threads {
            let seen = ticket.relaxed
            // The pool joins its threads before it goes.
            guard let thread = SystemThread(name: "hadal-cpu", { [unowned(unsafe) self] in serve(index, since: seen) }) else {
                return false
            }
            helpers.append(thread)
        }
        return true
    }

    /// One thread's life: a run whenever the ticket moves on.
    private func serve(_ index: Int, since first: UInt32) {
        var seen = first
        while true {
            ticket.waitWhile(seen, sleepers: idle)
            seen &+= 1
            if quit.value != 0 { return }
            work(index)
        }
    }
}
