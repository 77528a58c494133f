/// The blocks of one folder that are known to be there, by the names of their files, and when each was used.
///
/// No block is older than one that hangs from it, so that the last blocks of a timeline go first.
struct BlockIndex: Sendable {
    /// Between the times of a block and its parent, nanoseconds.
    private static let interval: Int64 = 1000

    private struct Entry {
        /// What the file's time says.
        var use: Int64
        /// Where it is known.
        var parent: String?
    }

    private var entries: [String: Entry] = [:]
    /// Used since `takeUses`, in order.
    private var used: [String] = []

    func contains(_ name: String) -> Bool { entries[name] != nil }

    mutating func add(_ name: String, use: Int64, parent: String? = nil) {
        entries[name] = Entry(use: use, parent: parent ?? entries[name]?.parent)
    }

    mutating func remove(_ name: String) { entries[name] = nil }

    /// Forgets blocks that are not in `present`, which has the times of those that are.
    mutating func update(_ present: [String: Int64]) {
        entries = present.reduce(into: [:]) { $0[$1.key] = Entry(use: $1.value, parent: entries[$1.key]?.parent) }
    }

    /// Says that a block, and so all that it hangs from, has been used. The times of files follow with `takeUses`.
    ///
    /// - Returns: whether it is the first since `takeUses`.
    mutating func markUsed(_ name: String, parent: String) -> Bool {
        guard entries[name] != nil else { return false }
        entries[name]?.parent = parent
        used.append(name)
        return used.count == 1
    }

    /// The time that a new block's file is given: none later than its parent's has.
    func firstUse(after parent: String, now: Int64) -> Int64 {
        entries[parent].map { min(now, $0.use - Self.interval) } ?? now
    }

    /// The times that files are to have, parents before what hangs from them.
    mutating func takeUses(now: Int64) -> [(name: String, use: Int64)] {
        var times: [String: Int64] = [:]
        // The last of a timeline first: its ancestors are then up to date, and each block is looked at twice at most.
        for name in used.reversed() {
            var (next, time, steps) = (Optional(name), now, 0)
            while let name = next, let entry = entries[name], max(entry.use, times[name] ?? .min) < time, steps <= entries.count {
                times[name] = time
                (next, time, steps) = (entry.parent, time + Self.interval, steps + 1)
            }
        }
        used.removeAll(keepingCapacity: true)
        for (name, time) in times { entries[name]?.use = time }
        return times.map { ($0.key, $0.value) }.sorted { $0.use > $1.use }
    }
}
