import HadalBackend
import HadalCore

extension ExpertCache {
    /// What an expert cache holds and has still to read. Signals nobody: the cache does.
    struct Contents {
        var ledger: ExpertLedger
        var pool: RegionPool
        /// Memory of each entry of the ledger.
        var regions: [UnsafeMutableRawPointer?] = []
        var layers: [ExpertLayer] = []
        var files: [ExpertFiles?] = []
        var statistics: [ExpertStatistics] = []
        var certain = Queue()
        var guessed = Queue()
        /// Reads under way.
        var reading = 0
        /// Reads that have ended.
        var generation: UInt64 = 0
        var failure: HadalError?
        var threads: [SystemThread] = []
        var quits = false

        init(ledger: ExpertLedger, pool: RegionPool) { (self.ledger, self.pool) = (ledger, pool) }

        /// Whether anything waits to be read.
        var isWaiting: Bool { !certain.isEmpty || !guessed.isEmpty }

        /// Bytes of the largest stored matrix.
        var largestMatrix: Int { layers.flatMap { $0.parts.map(\.storedBytes) }.max() ?? 0 }

        /// A region for one more expert of a layer.
        mutating func room(for number: Int, turn: Int32?) -> UnsafeMutableRawPointer? {
            let bytes = ledger.layers[number].regionBytes
            while true {
                if let region = pool.take(bytes) { return region }
                guard let victim = ledger.victim(for: number, turn: turn) else { return nil }
                evict(victim, ledger.layer(of: victim))
            }
        }

        /// Takes an entry's memory away, if it has any.
        mutating func evict(_ index: Int, _ number: Int) {
            guard let region = regions[index] else { return }
            regions[index] = nil
            pool.give(region, ledger.layers[number].regionBytes)
            ledger.drop(index, in: number)
        }

        /// One expert to be read, without the lock.
        struct Read {
            var index: Int
            var number: Int
            var expert: Int
            var layer: ExpertLayer
            var files: ExpertFiles
            var region: UnsafeMutableRawPointer
            var isGuess: Bool
        }

        /// The next read; nil when nothing waits any more.
        mutating func startRead() -> Read? {
            while let index = certain.pop() ?? guessed.pop() {
                // Given up meanwhile, or done for the other queue.
                guard ledger[index].state == .queued, let region = regions[index] else { continue }
                let number = ledger.layer(of: index)
                guard let files = files[number] else { continue }
                ledger[index].state = .reading
                reading += 1
                return Read(
                    index: index, number: number, expert: index - ledger.layers[number].first, layer: layers[number], files: files,
                    region: region, isGuess: ledger[index].isGuess)
            }
            return nil
        }

        mutating func finish(_ read: Read, _ problem: HadalError?) {
            let (index, number) = (read.index, read.number)
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
                statistics[number].readBytes += read.layer.storedBytes
                statistics[number].reads += 1
                if read.isGuess { statistics[number].prefetches += 1 }
            }
        }
    }

    /// First in, first out, without allocating once it has grown.
    struct Queue {
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
}
