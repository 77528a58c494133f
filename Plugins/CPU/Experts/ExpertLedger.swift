/// Who is in memory, who is wanted, and who has to go: the bookkeeping of an expert cache, without memory, files or threads.
///
/// Experts of all layers are entries of one list. Each layer has a quota of the limit, by its share of all experts' bytes; a layer at its quota
/// makes room among its own, since layers take turns and the oldest use overall is always the one that comes next. A few places belong
/// to no layer: through them goes what a layer needs beyond its quota. Within a layer the policy chooses. What the running step still
/// needs goes last, and the one that it needs last goes first of these: a step that passes over more experts than fit then finds the
/// last of them still there.
///
/// Not thread-safe.
struct ExpertLedger {
    enum State: UInt8 { case absent, queued, reading, ready, failed }

    struct Entry {
        var state = State.absent
        /// Users that need it to stay.
        var pins: Int32 = 0
        /// Its turn in the running step, or -1.
        var turn: Int32 = -1
        /// Guessed for the next step of its layer: goes after those that are not.
        var isExpected = false
        /// Read because of a guess, and not used yet.
        var isGuess = false
        /// Needed by a step that began after its read had.
        var isJoined = false
        var weight: Float = 0
        var stamp: UInt64 = 0
    }

    struct Layer {
        var first: Int
        var experts: Int
        var regionBytes: Int
        var quota = 0
        /// Bytes of memory that its entries hold.
        var held = 0
        /// Entries that are pinned.
        var pinned = 0
        /// Steps that used it.
        var steps: UInt64 = 0
        var isGone = false
    }

    private(set) var entries: [Entry] = []
    private(set) var layers: [Layer] = []
    let limit: Int
    let policy: ExpertPolicy
    /// Places, of the largest size, that belong to no layer.
    let shared: Int

    init(limit: Int, shared: Int, policy: ExpertPolicy = .frequency) {
        self.limit = limit
        self.shared = shared
        self.policy = policy
    }

    // MARK: Layers

    /// Adds a layer and returns its number.
    mutating func add(experts: Int, regionBytes: Int) -> Int {
        layers.append(Layer(first: entries.count, experts: experts, regionBytes: regionBytes))
        entries.append(contentsOf: repeatElement(Entry(), count: experts))
        share()
        return layers.count - 1
    }

    /// Forgets a layer whose entries hold nothing any more.
    mutating func remove(_ layer: Int) {
        layers[layer].isGone = true
        share()
    }

    /// Bytes that all experts together would take.
    var totalBytes: Int { layers.reduce(0) { $0 + ($1.isGone ? 0 : $1.experts * $1.regionBytes) } }

    private mutating func share() {
        let total = Double(max(totalBytes, 1))
        let largest = layers.reduce(0) { $1.isGone ? $0 : max($0, $1.regionBytes) }
        let divided = Double(max(limit - shared * largest, 0))
        for i in layers.indices {
            layers[i].quota = layers[i].isGone ? 0 : Int(divided * (Double(layers[i].experts * layers[i].regionBytes) / total))
        }
    }

    // MARK: Entries

    func index(_ layer: Int, _ expert: Int) -> Int { layers[layer].first + expert }

    /// The layer of an entry.
    func layer(of index: Int) -> Int {
        var (low, high) = (0, layers.count - 1)
        while low < high {
            let middle = (low + high + 1) / 2
            if layers[middle].first <= index { low = middle } else { high = middle - 1 }
        }
        return low
    }

    subscript(index: Int) -> Entry {
        get { entries[index] }
        _modify { yield &entries[index] }
    }

    /// Starts a step of a layer.
    mutating func begin(_ layer: Int) { layers[layer].steps += 1 }

    /// Notes that the step uses an entry.
    mutating func use(_ index: Int, in layer: Int) {
        let now = layers[layer].steps
        let old = policy == .frequency ? policy.worth(weight: entries[index].weight, age: now - min(now, entries[index].stamp)) : 0
        entries[index].weight = old + 1
        entries[index].stamp = now
        entries[index].isExpected = false
    }

    /// Notes that an entry got memory.
    mutating func hold(_ index: Int, in layer: Int) {
        entries[index].state = .queued
        layers[layer].held += layers[layer].regionBytes
    }

    /// Notes that an entry gave its memory back.
    mutating func drop(_ index: Int, in layer: Int) {
        entries[index].state = .absent
        entries[index].isGuess = false
        entries[index].isExpected = false
        entries[index].isJoined = false
        layers[layer].held -= layers[layer].regionBytes
    }

    mutating func pin(_ index: Int, in layer: Int) {
        if entries[index].pins == 0 { layers[layer].pinned += 1 }
        entries[index].pins += 1
    }

    mutating func unpin(_ index: Int, in layer: Int) {
        guard entries[index].pins > 0 else { return }
        entries[index].pins -= 1
        if entries[index].pins == 0 { layers[layer].pinned -= 1 }
    }

    // MARK: Making room

    /// The entry that should make room for one of `layer`, or nil when none may: a step that has experts pinned then goes on with these.
    ///
    /// - Parameter turn: the turn that the newcomer has in the running step; nil: it is a guess, for which nothing goes that is
    ///   needed or expected, nor what is within another layer's quota.
    func victim(for layer: Int, turn: Int32?) -> Int? {
        let own = layers[layer]
        if own.held + own.regionBytes > own.quota, let found = leastWorthy(in: layer) { return found }
        let mayTakeAny = turn != nil && own.pinned == 0
        var best: (index: Int, excess: Int)?
        for other in layers.indices where layers[other].held > 0 {
            let excess = layers[other].held - layers[other].quota
            if excess <= 0, !mayTakeAny { continue }
            if let best, best.excess >= excess { continue }
            if let found = leastWorthy(in: other) { best = (found, excess) }
        }
        if let best { return best.index }
        guard let turn, own.pinned == 0 else { return nil }
        var last: (index: Int, turn: Int32)?
        for (index, entry) in entries.enumerated() where entry.state == .ready && entry.pins == 0 {
            // Guesses go before what is certain.
            let due = entry.turn < 0 ? Int32.max : entry.turn
            if due > turn, due > last?.turn ?? -1 { last = (index, due) }
        }
        return last?.index
    }

    private func leastWorthy(in layer: Int) -> Int? {
        let range = layers[layer].first..<layers[layer].first + layers[layer].experts
        var best: (index: Int, worth: Float)?
        for index in range {
            let entry = entries[index]
            guard entry.state == .ready, entry.pins == 0, entry.turn < 0, !entry.isExpected else { continue }
            let worth = policy.worth(weight: entry.weight, age: layers[layer].steps - min(layers[layer].steps, entry.stamp))
            if let best, best.worth <= worth { continue }
            best = (index, worth)
        }
        return best?.index
    }
}
