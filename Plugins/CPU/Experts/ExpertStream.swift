import CHadalKernels
import HadalCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One experts node whose weights are read as they are needed.
///
/// All threads run the node's kernels again and again, each time for the experts that thread 0 has picked: gate and up for whatever
/// has arrived, down in ascending order of the experts, as in one call for all. So neither order of arrival nor limit changes a bit.
///
/// Thread safety: one step at a time, by the threads of one pool.
final class ExpertStream: @unchecked Sendable {
    enum Outcome { case done, cancelled, failed }
    private enum Action { case gate, down, stop(Outcome) }
    private enum Status: UInt8 { case pending, ready, gated }

    /// The table that the kernels read: [1, experts] regions, NULL for experts that a call is not for.
    let table: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    /// Number of the layer in the cache.
    let layer: Int
    /// The layer that is guessed for while this one runs.
    var next: Int?
    private let cache: ExpertCache
    private let experts: Int
    private let nextExperts: Int

    // Thread 0's, read by the others between two barriers.
    private var action = Action.stop(.done)
    // Thread 0's alone.
    private let needs: UnsafeMutablePointer<Int32>
    private let status: UnsafeMutablePointer<Status>
    private let regions: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    private let guesses: UnsafeMutablePointer<Int32>
    private var count = 0
    private var acquired = 0
    private var finished = 0
    private var end = 0
    private var guessCount = 0
    private var guessed = 0
    private(set) var failure: HadalError?

    /// - Parameter nextExperts: experts of the layer that is guessed for; 0 for none.
    init(_ cache: ExpertCache, layer: Int, experts: Int, nextExperts: Int) {
        self.cache = cache
        self.layer = layer
        self.experts = experts
        self.nextExperts = nextExperts
        table = .allocate(capacity: experts)
        table.initialize(repeating: nil, count: experts)
        needs = .allocate(capacity: experts)
        status = .allocate(capacity: experts)
        regions = .allocate(capacity: experts)
        regions.initialize(repeating: nil, count: experts)
        guesses = .allocate(capacity: max(nextExperts, 1))
    }

    deinit {
        table.deallocate()
        needs.deallocate()
        status.deallocate()
        regions.deallocate()
        guesses.deallocate()
    }

    /// Runs the node: `instructions` are its gate, the quantising of its result where there is one, and its down.
    func run(
        _ instructions: UnsafePointer<Instruction>, count span: Int, _ context: UnsafePointer<hadal_kernel_thread>, _ barrier: Barrier,
        cancel: UnsafePointer<UInt32>?
    ) -> Outcome {
        let index = Int(context.pointee.index), last = instructions[span - 1]
        if index == 0 { begin(instructions[0].arguments) }
        clear(last.arguments.pointee.outputs[0], context)
        while true {
            if index == 0 { action = decide(cancel) }
            barrier.wait()
            switch action {
            case .gate: instructions[0].function(instructions[0].arguments, context)
            case .down:
                if span == 3 {
                    instructions[1].function(instructions[1].arguments, context)
                    barrier.wait()
                }
                last.function(last.arguments, context)
            case .stop(let outcome): return outcome
            }
            barrier.wait()
            if index == 0 { complete() }
        }
    }

    /// Zeroes this thread's share of the result, which experts are added to.
    private func clear(_ tensor: hadal_kernel_tensor, _ context: UnsafePointer<hadal_kernel_thread>) {
        guard let data = tensor.data else { return }
        let bytes = Int(tensor.rows * tensor.columns) * 4, threads = Int(context.pointee.count), index = Int(context.pointee.index)
        let (from, to) = (bytes / 4 * index / threads * 4, bytes / 4 * (index + 1) / threads * 4)
        memset(data + from, 0, to - from)
    }

    // MARK: Thread 0

    private func begin(_ gate: UnsafePointer<hadal_kernel_args>) {
        failure = nil
        (count, acquired, finished, end, guessCount, guessed) = (0, 0, 0, 0, 0, 0)
        if let starts = gate.pointee.inputs[0].data?.assumingMemoryBound(to: Int32.self) {
            for expert in 0..<experts where starts[expert + 1] > starts[expert] {
                needs[count] = Int32(expert)
                status[count] = .pending
                regions[count] = nil
                count += 1
            }
        }
        cache.begin(layer, needs: UnsafeBufferPointer(start: needs, count: count))
        if next != nil, gate.pointee.input_count > 10 { collect(gate.pointee.inputs[10]) }
    }

    /// The experts that the next layer's router chose for this layer's rows, in ascending order.
    private func collect(_ indices: hadal_kernel_tensor) {
        guard let data = indices.data?.assumingMemoryBound(to: Int32.self) else { return }
        let choices = Int(indices.rows * indices.columns)
        for position in 0..<choices {
            let expert = data[position]
            guard expert >= 0, Int(expert) < nextExperts else { continue }
            var (low, high) = (0, guessCount)
            while low < high {
                let middle = (low + high) / 2
                if guesses[middle] < expert { low = middle + 1 } else { high = middle }
            }
            if low < guessCount, guesses[low] == expert { continue }
            var at = guessCount
            while at > low {
                guesses[at] = guesses[at - 1]
                at -= 1
            }
            guesses[low] = expert
            guessCount += 1
        }
    }

    /// What all threads do next. Waits when there is nothing to do.
    private func decide(_ cancel: UnsafePointer<UInt32>?) -> Action {
        while true {
            let seen = cache.ended
            acquiring: while acquired < count {
                switch cache.acquire(layer, Int(needs[acquired])) {
                case .ready(let region):
                    regions[acquired] = region
                    status[acquired] = .ready
                case .pending: break
                case .noRoom: break acquiring
                case .failed: return fail(cache.lastFailure)
                }
                acquired += 1
            }
            if acquired == count, let next, guessed < guessCount {
                guessed += cache.expect(next, UnsafeBufferPointer(start: guesses + guessed, count: guessCount - guessed))
            }
            if let action = arrange(seen, cancel) { return action }
        }
    }

    /// Picks what can be computed; nil after having waited for a read.
    private func arrange(_ seen: UInt64, _ cancel: UnsafePointer<UInt32>?) -> Action? {
        for position in finished..<acquired where status[position] == .pending {
            switch cache.poll(layer, Int(needs[position])) {
            case .ready(let region):
                regions[position] = region
                status[position] = .ready
            case .failed: return fail(cache.lastFailure)
            case .pending, .noRoom: break
            }
        }
        for expert in 0..<experts { table[expert] = nil }
        var any = false
        for position in finished..<acquired where status[position] == .ready {
            table[Int(needs[position])] = regions[position]
            any = true
        }
        if any { return .gate }
        end = finished
        while end < acquired, status[end] == .gated {
            table[Int(needs[end])] = regions[end]
            end += 1
        }
        if end > finished { return .down }
        if finished == count { return .stop(.done) }
        if CancelFlag.isSet(cancel) {
            cache.abandon(layer, needs: UnsafeBufferPointer(start: needs, count: count))
            return .stop(.cancelled)
        }
        if !cache.wait(past: seen, for: layer), acquired == finished {
            return fail(HadalError(.outOfMemory, "there is no memory left to read an expert into"))
        }
        return nil
    }

    /// Notes what the threads have just done.
    private func complete() {
        switch action {
        case .gate:
            for position in finished..<acquired where status[position] == .ready { status[position] = .gated }
        case .down:
            while finished < end {
                cache.release(layer, Int(needs[finished]))
                finished += 1
            }
        case .stop: break
        }
    }

    private func fail(_ error: HadalError) -> Action {
        failure = error
        cache.abandon(layer, needs: UnsafeBufferPointer(start: needs, count: count))
        return .stop(.failed)
    }
}
