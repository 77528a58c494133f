import CHadalKernels
import HadalBackend
import HadalCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

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
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let arrived: UnsafeMutablePointer<pthread_cond_t>
    private let wanted: UnsafeMutablePointer<pthread_cond_t>

    // Guarded by the lock.
    private var ledger: ExpertLedger
    private var pool: RegionPool
    private var regions: [UnsafeMutableRawPointer?] = []
    private var layers: [ExpertLayer] = []
    private var files: [ExpertFiles?] = []
    private var statistics: [ExpertStatistics] = []
    private var certain = Queue()
    private var guessed = Queue()
    private var reading = 0
    /// Counts what `wait` waits for.
    private var generation: UInt64 = 0
    private var failure: HadalError?
    private var handles: [pthread_t] = []
    private var quits = false

    /// First in, first out, without allocating once it has grown.
    private struct Queue {
        private var items: [Int] = []
        private var head = 0
        mutating func push(_ item: Int) { items.append(item) }
        mutating func pop() -> Int? {
            guard head < items.count else { return nil }
            head += 1
            let item = items[head - 1]
            if head == items.count { clear() }
            return item
        }
        var isEmpty: Bool { items.isEmpty }
        mutating func clear() {
            items.removeAll(keepingCapacity: true)
            head = 0
        }
    }

    /// - Parameter pack: the kernel that packs a stored matrix.
    init(_ configuration: Configuration, pack: @escaping Instruction.Function) {
        self.configuration = configuration
        self.pack = pack
        // One in use, one for each thread that reads, and one that waits for it.
        ledger = ExpertLedger(limit: configuration.limit, shared: configuration.threads + 2, policy: configuration.policy)
        pool = RegionPool(limit: configuration.limit, usesHugePages: configuration.usesHugePages)
        lock = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
        arrived = .allocate(capacity: 1)
        pthread_cond_init(arrived, nil)
        wanted = .allocate(capacity: 1)
        pthread_cond_init(wanted, nil)
    }

    deinit {
        quiesce()
        for (index, region) in regions.enumerated() {
            if let region { pool.give(region, ledger.layers[ledger.layer(of: index)].regionBytes) }
        }
        pool.trim()
        pthread_mutex_destroy(lock)
        pthread_cond_destroy(arrived)
        pthread_cond_destroy(wanted)
        lock.deallocate()
        arrived.deallocate()
        wanted.deallocate()
    }

    private func locked<R>(_ body: () throws -> R) rethrows -> R {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return try body()
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
        return locked {
            layers.append(layer)
            files.append(ExpertFiles(layer, past: configuration.isDirect))
            statistics.append(ExpertStatistics())
            regions.append(contentsOf: repeatElement(nil, count: layer.experts))
            return ledger.add(experts: layer.experts, regionBytes: layer.regionBytes)
        }
    }

    /// Forgets layers whose executable goes. No step uses them.
    func remove(_ numbers: [Int]) {
        locked {
            for number in numbers {
                let layer = ledger.layers[number]
                for index in layer.first..<layer.first + layer.experts {
                    ledger.unpin(index, in: number)
                    while ledger[index].state == .reading { pthread_cond_wait(arrived, lock) }
                    evict(index, number)
                }
                ledger.remove(number)
                files[number] = nil
                layers[number].parts = []
            }
            pool.trim()
        }
    }

    /// What steps of these layers used, added up.
    func statistics(of numbers: [Int]) -> ExpertStatistics {
        locked {
            var sum = ExpertStatistics()
            for number in numbers { sum += statistics[number] }
            sum.heldBytes = numbers.reduce(0) { $0 + ledger.layers[$1].held }
            sum.limitBytes = configuration.limit
            sum.totalBytes = numbers.reduce(0) { $0 + ledger.layers[$1].experts * ledger.layers[$1].regionBytes }
            return sum
        }
    }

    // MARK: A step

    /// Starts a step of a layer: says which experts it needs, in ascending order, and gives up guesses that came to nothing.
    func begin(_ number: Int, needs: UnsafeBufferPointer<Int32>) {
        locked {
            ledger.begin(number)
            for (turn, expert) in needs.enumerated() { ledger[ledger.index(number, Int(expert))].turn = Int32(turn) }
            while let index = guessed.pop() {
                guard ledger[index].state == .queued, ledger[index].pins == 0 else { continue }
                if ledger[index].turn >= 0 { certain.push(index) } else { evict(index, ledger.layer(of: index)) }
            }
            let layer = ledger.layers[number]
            for index in layer.first..<layer.first + layer.experts { ledger[index].isExpected = false }
        }
    }

    /// Pins an expert that the step needs, and has it read if it is not there.
    func acquire(_ number: Int, _ expert: Int) -> Answer {
        locked {
            let index = ledger.index(number, expert)
            switch ledger[index].state {
            case .ready:
                statistics[number].hits += 1
                if ledger[index].isGuess { statistics[number].prefetchHits += 1 }
            case .queued, .reading:
                guard startThreads() else { return .failed }
                statistics[number].misses += 1
                ledger[index].isJoined = ledger[index].state == .reading
            case .failed, .absent:
                if ledger[index].state == .failed { evict(index, number) }
                guard let region = room(for: number, turn: ledger[index].turn) else { return .noRoom }
                guard startThreads() else { return .failed }
                statistics[number].misses += 1
                regions[index] = region
                ledger.hold(index, in: number)
                certain.push(index)
                pthread_cond_signal(wanted)
            }
            ledger[index].isGuess = false
            ledger.pin(index, in: number)
            ledger.use(index, in: number)
            if ledger[index].state == .ready, let region = regions[index] { return .ready(region) }
            return .pending
        }
    }

    /// How an acquired expert stands.
    func poll(_ number: Int, _ expert: Int) -> Answer {
        locked {
            let index = ledger.index(number, expert)
            if ledger[index].state == .ready, let region = regions[index] { return .ready(region) }
            return ledger[index].state == .failed ? .failed : .pending
        }
    }

    /// Lets go of an expert that the step needs no more.
    func release(_ number: Int, _ expert: Int) {
        locked {
            let index = ledger.index(number, expert)
            ledger.unpin(index, in: number)
            ledger[index].turn = -1
        }
    }

    /// Ends a step early: lets go of everything that it needed.
    func abandon(_ number: Int, needs: UnsafeBufferPointer<Int32>) {
        locked {
            for expert in needs {
                let index = ledger.index(number, Int(expert))
                ledger.unpin(index, in: number)
                ledger[index].turn = -1
                if ledger[index].state == .queued || ledger[index].state == .failed { evict(index, number) }
            }
        }
    }

    /// Has experts read that a coming step of a layer is likely to need, as far as there is room for guesses.
    ///
    /// - Returns: how many of them are seen to.
    func expect(_ number: Int, _ experts: UnsafeBufferPointer<Int32>) -> Int {
        locked {
            for expert in experts { ledger[ledger.index(number, Int(expert))].isExpected = true }
            for (position, expert) in experts.enumerated() {
                let index = ledger.index(number, Int(expert))
                guard ledger[index].state == .absent else { continue }
                guard let region = room(for: number, turn: nil), startThreads() else { return position }
                regions[index] = region
                ledger.hold(index, in: number)
                ledger[index].isExpected = true
                ledger[index].isGuess = true
                guessed.push(index)
                pthread_cond_signal(wanted)
            }
            return experts.count
        }
    }

    /// Waits until a read has ended since `seen`, or a moment has passed. Returns false when there is nothing to wait for.
    func wait(past seen: UInt64, for number: Int) -> Bool {
        locked {
            var deadline = timespec()
            clock_gettime(CLOCK_REALTIME, &deadline)
            let start = Self.now()
            guard generation != seen || reading > 0 || !certain.isEmpty || !guessed.isEmpty else { return false }
            deadline.tv_nsec += 20_000_000
            if deadline.tv_nsec >= 1_000_000_000 {
                deadline.tv_nsec -= 1_000_000_000
                deadline.tv_sec += 1
            }
            while generation == seen, pthread_cond_timedwait(arrived, lock, &deadline) == 0 {}
            statistics[number].waitedNanoseconds += Self.now() - start
            return true
        }
    }

    /// The number of reads that have ended.
    var ended: UInt64 { locked { generation } }

    /// Why the last read failed.
    var lastFailure: HadalError {
        locked { failure ?? HadalError(.outOfMemory, "cannot start the threads that read experts") }
    }

    // MARK: Memory

    /// A region for one more expert of a layer. Called with the lock held.
    private func room(for number: Int, turn: Int32?) -> UnsafeMutableRawPointer? {
        let bytes = ledger.layers[number].regionBytes
        while true {
            if let region = pool.take(bytes) { return region }
            guard let victim = ledger.victim(for: number, turn: turn) else { return nil }
            evict(victim, ledger.layer(of: victim))
        }
    }

    /// Takes an entry's memory away, if it has any. Called with the lock held.
    private func evict(_ index: Int, _ number: Int) {
        guard let region = regions[index] else { return }
        regions[index] = nil
        pool.give(region, ledger.layers[number].regionBytes)
        ledger.drop(index, in: number)
    }

    // MARK: Threads

    /// Joins the threads. The next read starts them again.
    func quiesce() {
        let ending = locked {
            quits = true
            pthread_cond_broadcast(wanted)
            let all = handles
            handles = []
            return all
        }
        for handle in ending { pthread_join(handle, nil) }
        locked { quits = false }
    }

    /// Called with the lock held.
    private func startThreads() -> Bool {
        if handles.count == configuration.threads { return true }
        let bytes = layers.flatMap { $0.parts.map(\.storedBytes) }.max() ?? 0
        while handles.count < configuration.threads {
            guard let reader = try? ExpertReader(bytes: bytes, pack: pack) else { break }
            let start = Unmanaged.passRetained(Start(cache: self, reader: reader))
            #if os(Linux)
            var handle = pthread_t()
            guard pthread_create(&handle, nil, { ExpertCache.main($0) }, start.toOpaque()) == 0 else {
                start.release()
                break
            }
            #else
            var created: pthread_t?
            guard pthread_create(&created, nil, { ExpertCache.main($0) }, start.toOpaque()) == 0, let handle = created else {
                start.release()
                break
            }
            #endif
            handles.append(handle)
        }
        return !handles.isEmpty
    }

    private static func main(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let argument else { return nil }
        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        start.cache.serve(start.reader)
        return nil
    }

    /// One thread's life.
    private func serve(_ first: ExpertReader) {
        var reader = first
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while !quits {
            guard let index = certain.pop() ?? guessed.pop() else {
                pthread_cond_wait(wanted, lock)
                continue
            }
            // Given up meanwhile, or done for the other queue.
            guard ledger[index].state == .queued, let region = regions[index] else { continue }
            let number = ledger.layer(of: index), expert = index - ledger.layers[number].first
            guard let files = self.files[number] else { continue }
            let layer = layers[number]
            let isGuess = ledger[index].isGuess
            ledger[index].state = .reading
            reading += 1
            pthread_mutex_unlock(lock)

            var problem: HadalError?
            let largest = layer.parts.map(\.storedBytes).max() ?? 0
            if !reader.fits(largest) {
                do { reader = try ExpertReader(bytes: largest, pack: pack) } catch { problem = error as? HadalError }
            }
            if reader.fits(largest), let failed = reader.read(expert, of: layer, files, into: region) {
                let reason = failed.code == 0 ? "the file ended" : String(cString: strerror(failed.code))
                problem = HadalError(.io, "cannot read expert \(failed.expert) of '\(failed.part)': \(reason)")
            }

            pthread_mutex_lock(lock)
            reading -= 1
            generation &+= 1
            // A read that fails harms no step that did not ask for it: when the expert is needed it is read again.
            if problem != nil, ledger[index].pins == 0 {
                evict(index, number)
            } else if problem != nil, ledger[index].isJoined {
                ledger[index].isJoined = false
                ledger[index].state = .queued
                certain.push(index)
            } else if let problem {
                failure = problem
                ledger[index].state = .failed
            } else {
                ledger[index].isJoined = false
                ledger[index].state = .ready
                statistics[number].readBytes += layer.storedBytes
                statistics[number].reads += 1
                if isGuess { statistics[number].prefetches += 1 }
            }
            pthread_cond_broadcast(arrived)
        }
    }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// What a new thread is told. The cache joins its threads before it goes.
    private final class Start {
        unowned(unsafe) let cache: ExpertCache
        let reader: ExpertReader
        init(cache: ExpertCache, reader: ExpertReader) {
            self.cache = cache
            self.reader = reader
        }
    }
}
