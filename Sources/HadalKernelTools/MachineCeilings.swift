import CHadalMachine
import HadalCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a number of threads of this machine can do at most: measured, so that speeds can be given as shares of it.
package struct MachineCeilings: Sendable {
    package var threads: Int
    /// Bytes a second that a plain read loop gets from memory.
    package var readBandwidth: Double
    /// Float32 operations a second; a multiply-add is two.
    package var floatOperations: Double
    /// 8-bit operations a second with sums of 16 or 32 bits; a multiply-add is two.
    package var int8Operations: Double
    /// The instruction set that was used.
    package var instructionSet: String

    /// Takes about three times `seconds`. Measure on a quiet machine: other work lowers what is seen.
    ///
    /// - Parameters:
    ///   - threads: nil: one for each core this process may use.
    ///   - bytes: read per pass over all threads; nil: well beyond the last-level cache, at most 2 GiB or half of what is free.
    /// - Throws: `HadalError.outOfMemory`.
    package static func measure(threads: Int? = nil, bytes: Int? = nil, seconds: Double = 0.4) throws -> MachineCeilings {
        let threads = max(1, threads ?? Processors.usable)
        let free = Processors.freeMemory.map { Int(clamping: $0 / 2) } ?? Int.max
        let wanted = bytes ?? min(max(256 << 20, 4 * (Processors.lastLevelCache ?? 0)), 2 << 30, free)
        let share = max(wanted / threads / 4096 * 4096, 1 << 20)
        let (size, overflow) = share.multipliedReportingOverflow(by: threads)
        guard !overflow, let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), memory != MAP_FAILED
        else {
            throw HadalError(.outOfMemory, "cannot allocate \(share) bytes for each of \(threads) threads to measure with")
        }
        defer { munmap(memory, size) }
        #if os(Linux)
            madvise(memory, size, MADV_HUGEPAGE)
        #endif
        // Pages that were never written are all the same page of zeros, in the nearest cache.
        memset(memory, 1, size)

        let address = UInt(bitPattern: memory)
        let read = try rate(threads, seconds) { index in
            guard let from = UnsafeRawPointer(bitPattern: address + UInt(index * share)) else { return 0 }
            keep(hadal_machine_read(from, UInt64(share)))
            return Double(share)
        }
        let rounds: UInt64 = 200_000
        let floats = try rate(threads, seconds) { _ in
            var sink: Float = 1.0001
            defer { keep(UInt64(sink.bitPattern)) }
            return hadal_machine_float_operations(rounds, &sink)
        }
        let products = try rate(threads, seconds) { _ in
            var sink: Int32 = 3
            defer { keep(UInt64(truncatingIfNeeded: sink)) }
            return hadal_machine_int8_operations(rounds, &sink)
        }
        return MachineCeilings(
            threads: threads, readBandwidth: read, floatOperations: floats, int8Operations: products,
            instructionSet: String(cString: hadal_machine_instruction_set()))
    }

    /// A place for results, so that the compiler cannot leave their calculation out.
    private static let kept = Atomic<UInt64>(0)
    private static func keep(_ value: UInt64) { kept.wrappingAdd(value, ordering: .relaxed) }

    /// Work a second of all threads together, while every one of them is busy. `work` returns how much it did.
    private static func rate(_ threads: Int, _ seconds: Double, _ work: @escaping @Sendable (Int) -> Double) throws -> Double {
        let gate = Gate(threads: threads, seconds: seconds, work: work)
        var helpers: [SystemThread] = []
        for index in 1..<max(threads, 1) {
            guard let thread = SystemThread(name: "hadal-measure", { gate.run(index) }) else { break }
            helpers.append(thread)
        }
        guard helpers.count == threads - 1 else {
            gate.abandon()
            for thread in helpers { thread.join() }
            throw HadalError(.outOfMemory, "cannot start \(threads) threads to measure with")
        }
        gate.run(0)
        for thread in helpers { thread.join() }
        return gate.total
    }
}

/// Threads that start together and each add up what they did by their own clock.
private final class Gate: @unchecked Sendable {
    private let threads: Int
    private let seconds: Double
    private let work: @Sendable (Int) -> Double
    private let arrived = Atomic<Int>(0)
    private let abandoned = Atomic<Bool>(false)
    private let rates: UnsafeMutablePointer<Double>

    init(threads: Int, seconds: Double, work: @escaping @Sendable (Int) -> Double) {
        self.threads = threads
        self.seconds = seconds
        self.work = work
        rates = .allocate(capacity: threads)
        rates.initialize(repeating: 0, count: threads)
    }

    deinit { rates.deallocate() }

    var total: Double { (0..<threads).reduce(0) { $0 + rates[$1] } }

    func abandon() { abandoned.store(true, ordering: .sequentiallyConsistent) }

    func run(_ index: Int) {
        _ = work(index)
        arrived.wrappingAdd(1, ordering: .sequentiallyConsistent)
        while arrived.load(ordering: .acquiring) < threads {
            if abandoned.load(ordering: .relaxed) { return }
            sched_yield()
        }
        let start = MonotonicClock.seconds
        var done = 0.0, elapsed = 0.0
        repeat {
            done += work(index)
            elapsed = MonotonicClock.seconds - start
        } while elapsed < seconds
        rates[index] = done / elapsed
    }
}
