import CHadalKernels
import HadalBackend
import HadalCore

/// Experts in memory, within a limit, read from disk by threads of its own: one for all executables of a device.
///
/// Where an expert lies never changes what it computes: a region holds the bytes that the resident form holds.
///
/// Thread safety: any thread; the steps of a device take turns. The threads start with the first read and end with `quiesce`.
final class ExpertCache: @unchecked Sendable {
    struct Configuration: Sendable {
        /// Bytes that regions may take together.
        var limit: Int
        var threads = 2
        var guesses = true
        var isDirect = true
        var usesHugePages = true
        var policy = ExpertPolicy.frequency
    }

    enum Answer {
        case ready(UnsafeMutableRawPointer)
        case pending
        /// Everything in memory is in use.
        case noRoom
        case failed
    }

    let configuration: Configuration
    private let pack: Instruction.Function
    private let contents: Monitor<Contents>
    /// A read has ended.
    private let arrived = Condition()
    /// There is something to read, or the threads are to end.
    private let wanted = Condition()

    /// - Parameter pack: the kernel that packs a stored matrix.
    init(_ configuration: Configuration, pack: @escaping Instruction.Function) {
        self.configuration = configuration
        self.pack = pack
        // One in use, one for each thread that reads, and one that waits for it.
        let ledger = ExpertLedger(limit: configuration.limit, shared: configuration.threads + 2, policy: configuration.policy)
        contents = Monitor(
            Contents(ledger: ledger, pool: RegionPool(limit: configuration.limit, usesHugePages: configuration.usesHugePages)))
    }

    deinit {
        quiesce()
        contents.withLock { contents in
            for (index, region) in contents.regions.enumerated() {
                if let region { contents.pool.give(region, contents.ledger.layers[contents.ledger.layer(of: index)].regionBytes) }
            }
            contents.pool.trim()
        }
    }

    // MARK: Layers

    /// Adds the experts of a node.
    ///
    /// - Throws: `limitExceeded` when the limit does not hold two of them: one that computes while the next is read.
    func add(_ layer: ExpertLayer) throws -> Int {
        let least = 2 * layer.regionBytes
        guard configuration.limit >= least else {
            throw HadalError(
                .limitExceeded, "a limit of \(configuration.limit) bytes for experts is less than the \(least) that two of them take",
                hint: [.raise(.expertMemory, to: .bytes((least + 1023) & ~1023))])
        }
        return contents.withLock { contents in
            contents.layers.append(layer)
            contents.files.append(ExpertFiles(layer, past: configuration.isDirect))
            contents.statistics.append(ExpertStatistics())
            contents.regions.append(contentsOf: repeatElement(nil, count: layer.experts))
            return contents.ledger.add(experts: layer.experts, regionBytes: layer.regionBytes)
        }
    }

    /// Forgets layers whose executable goes. No step uses them.
    func remove(_ numbers: [Int]) {
        for number in numbers {
            let layer = contents.withLock { contents in
                let layer = contents.ledger.layers[number]
                for index in layer.first..<layer.first + layer.experts { contents.ledger.unpin(index, in: number) }
                return layer
            }
            for index in layer.first..<layer.first + layer.experts {
                contents.wait(on: arrived, until: { $0.ledger[index].state != .reading }) { $0.evict(index, number) }
            }
            contents.withLock { contents in
                contents.ledger.remove(number)
                contents.files[number] = nil
                contents.layers[number].parts = []
            }
        }
        contents.withLock { $0.pool.trim() }
    }

    /// What steps of these layers used, added up.
    func statistics(of numbers: [Int]) -> ExpertStatistics {
        contents.withLock { contents in
            var sum = ExpertStatistics()
            for number in numbers { sum += contents.statistics[number] }
            sum.heldBytes = numbers.reduce(0) { $0 + contents.ledger.layers[$1].held }
            sum.limitBytes = configuration.limit
            sum.totalBytes = numbers.reduce(0) { $0 + contents.ledger.layers[$1].experts * contents.ledger.layers[$1].regionBytes }
            return sum
        }
    }

    // MARK: A step

    /// Starts a step of a layer: says which experts it needs, in ascending order, and gives up guesses that came to nothing.
    func begin(_ number: Int, needs: UnsafeBufferPointer<Int32>) {
        contents.withLock { contents in
            contents.ledger.begin(number)
            for (turn, expert) in needs.enumerated() { contents.ledger[contents.ledger.index(number, Int(expert))].turn = Int32(turn) }
            while let index = contents.guessed.pop() {
                guard contents.ledger[index].state == .queued, contents.ledger[index].pins == 0 else { continue }
                if contents.ledger[index].turn >= 0 {
                    contents.certain.push(index)
                } else {
                    contents.evict(index, contents.ledger.layer(of: index))
                }
            }
            let layer = contents.ledger.layers[number]
            for index in layer.first..<layer.first + layer.experts { contents.ledger[index].isExpected = false }
        }
    }

    /// Pins an expert that the step needs, and has it read if it is not there.
    func acquire(_ number: Int, _ expert: Int) -> Answer {
        contents.withLock { contents in
            let index = contents.ledger.index(number, expert)
            switch contents.ledger[index].state {
            case .ready:
                contents.statistics[number].hits += 1
                if contents.ledger[index].isGuess { contents.statistics[number].prefetchHits += 1 }
            case .queued, .reading:
                guard startThreads(&contents) else { return .failed }
                contents.statistics[number].misses += 1
                contents.ledger[index].isJoined = contents.ledger[index].state == .reading
            case .failed, .absent:
                if contents.ledger[index].state == .failed { contents.evict(index, number) }
                guard let region = contents.room(for: number, turn: contents.ledger[index].turn) else { return .noRoom }
                guard startThreads(&contents) else { return .failed }
                contents.statistics[number].misses += 1
                contents.regions[index] = region
                contents.ledger.hold(index, in: number)
                contents.certain.push(index)
                wanted.wakeOne()
            }
            contents.ledger[index].isGuess = false
            contents.ledger.pin(index, in: number)
            contents.ledger.use(index, in: number)
            if contents.ledger[index].state == .ready, let region = contents.regions[index] { return .ready(region) }
            return .pending
        }
    }

    /// How an acquired expert stands.
    func poll(_ number: Int, _ expert: Int) -> Answer {
        contents.withLock { contents in
            let index = contents.ledger.index(number, expert)
            if contents.ledger[index].state == .ready, let region = contents.regions[index] { return .ready(region) }
            return contents.ledger[index].state == .failed ? .failed : .pending
        }
    }

    /// Lets go of an expert that the step needs no more.
    func release(_ number: Int, _ expert: Int) {
        contents.withLock { contents in
            let index = contents.ledger.index(number, expert)
            contents.ledger.unpin(index, in: number)
            contents.ledger[index].turn = -1
        }
    }

    /// Ends a step early: lets go of everything that it needed.
    func abandon(_ number: Int, needs: UnsafeBufferPointer<Int32>) {
        contents.withLock { contents in
            for expert in needs {
                let index = contents.ledger.index(number, Int(expert))
                contents.ledger.unpin(index, in: number)
                contents.ledger[index].turn = -1
                if contents.ledger[index].state == .queued || contents.ledger[index].state == .failed { contents.evict(index, number) }
            }
        }
    }

    /// Prefetches experts that a later step of a layer is likely to need, as far as there is room for guesses.
    ///
    /// - Returns: how many of them are seen to.
    func expect(_ number: Int, _ experts: UnsafeBufferPointer<Int32>) -> Int {
        contents.withLock { contents in
            for expert in experts { contents.ledger[contents.ledger.index(number, Int(expert))].isExpected = true }
            for (position, expert) in experts.enumerated() {
                let index = contents.ledger.index(number, Int(expert))
                guard contents.ledger[index].state == .absent else { continue }
                guard let region = contents.room(for: number, turn: nil), startThreads(&contents) else { return position }
                contents.regions[index] = region
                contents.ledger.hold(index, in: number)
                contents.ledger[index].isExpected = true
                contents.ledger[index].isGuess = true
                contents.guessed.push(index)
                wanted.wakeOne()
            }
            return experts.count
        }
    }

    /// Waits until a read has ended since `seen`, or a moment has passed. Returns false when there is nothing to wait for.
    func wait(past seen: UInt64, for number: Int) -> Bool {
        let start = MonotonicClock.nanoseconds
        let isPending = contents.withLock { contents in
            contents.generation != seen || contents.reading > 0 || !contents.certain.isEmpty || !contents.guessed.isEmpty
        }
        guard isPending else { return false }
        contents.wait(on: arrived, atMost: .milliseconds(20), until: { $0.generation != seen }) { contents in
            contents.statistics[number].waitedNanoseconds += MonotonicClock.nanoseconds - start
        }
        return true
    }

    /// The number of reads that have ended.
    var ended: UInt64 { contents.withLock { $0.generation } }

    /// Why the last read failed.
    var lastFailure: HadalError {
        contents.withLock { $0.failure ?? HadalError(.outOfMemory, "cannot start the threads that read experts") }
    }

    // MARK: Threads

    /// Joins the threads. The next read starts them again.
    func quiesce() {
        let ending = contents.withLock { contents in
            contents.quits = true
            defer { contents.threads = [] }
            return contents.threads
        }
        wanted.wakeAll()
        for thread in ending { thread.join() }
        contents.withLock { $0.quits = false }
    }

    private func startThreads(_ contents: inout Contents) -> Bool {
        if contents.threads.count == configuration.threads { return true }
        let bytes = contents.largestMatrix
        while contents.threads.count < configuration.threads {
            guard let made = try? ExpertReader(bytes: bytes, pack: pack) else { break }
            // The new thread's alone.
            nonisolated(unsafe) let reader = made
            // The cache joins its threads before it goes.
            guard let thread = SystemThread(name: "hadal-experts", { [unowned(unsafe) self] in serve(reader) }) else { break }
            contents.threads.append(thread)
        }
        return !contents.threads.isEmpty
    }

    /// One thread's life.
    private func serve(_ first: ExpertReader) {
        var reader = first
        while true {
            let (quits, job) = contents.wait(on: wanted, until: { $0.quits || $0.isWaiting }) { contents in
                (contents.quits, contents.quits ? nil : contents.startRead())
            }
            if quits { return }
            guard let job else { continue }
            var problem: HadalError?
            let largest = job.layer.parts.map(\.storedBytes).max() ?? 0
            if !reader.fits(largest) {
                do { reader = try ExpertReader(bytes: largest, pack: pack) } catch { problem = error as? HadalError }
            }
            if reader.fits(largest), let failed = reader.read(job.expert, of: job.layer, job.files, into: job.region) {
                let reason = failed.end == .endOfFile ? "the file ended" : failed.end.reason
                problem = HadalError(.io, "cannot read expert \(failed.expert) of '\(failed.part)': \(reason)")
            }
            contents.withLock { $0.finish(job, problem) }
            arrived.wakeAll()
        }
    }
}
