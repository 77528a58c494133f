/// Snapshots of states that cannot be cut at any token: windows, recurrent and convolution states. Such a state is at the end of what it
/// was computed from or nowhere; another timeline can go on from a block only where a copy of the state at that block's end was kept.
///
/// A timeline has few of them. Those at the last block ends of prompts and answers, where timelines go on, are pinned. Of the others some
/// go when one is taken behind them: each that stands between two which are no further apart than the later one is from the end. Of n
/// blocks fewer than 2 log2(n) + 3 stay, and a timeline that differs x blocks before the end computes at most x blocks more than those
/// that differ. What several timelines begin with is not thinned.
///
/// When all slots are taken, those of protected blocks go last, unless they have more than their share of slots. Of the others pinned ones
/// go last, then those used last; of one timeline, whose blocks are used together, the one goes first whose loss leaves the smallest gap
/// for its distance from the end.
extension BlockTree {
    package struct Snapshot: Equatable {
        package let slot: UInt32
        /// Whether it is not thinned.
        package internal(set) var isPinned: Bool
    }

    package var snapshotCount: Int { nodes.count { $0?.snapshot != nil } }

    /// A block's snapshot. The slot holds it until the tree changes.
    package func snapshot(of key: BlockKey) -> Snapshot? { indices[key].flatMap { nodes[$0]?.snapshot } }

    /// Gives a block a slot for a snapshot, taken from one that is worth less if need be. The caller fills it before anybody uses the tree.
    ///
    /// - Parameter isPinned: whether it is at the last block end of a prompt or an answer.
    /// - Returns: nil when there is nothing to fill: the block is not here, there are no slots, or it has a snapshot already, which is then
    ///   pinned if this one was to be.
    package mutating func attachSnapshot(to key: BlockKey, isPinned: Bool = false) -> UInt32? {
        guard let index = indices[key], nodes[index]?.snapshot == nil else {
            if isPinned { pinSnapshot(of: key) }
            return nil
        }
        thinSnapshots(before: index)
        guard let slot = freeSlots.popLast() ?? takeLeastValuableSlot() else { return nil }
        nodes[index]?.snapshot = Snapshot(slot: slot, isPinned: isPinned)
        return slot
    }

    /// Keeps a block's snapshot, if there is one, as that of the last block end of a prompt or an answer.
    package mutating func pinSnapshot(of key: BlockKey) { if let index = indices[key] { nodes[index]?.snapshot?.isPinned = true } }

    /// Takes a block's snapshot away, if there is one: it could not be filled.
    package mutating func detachSnapshot(from key: BlockKey) { if let index = indices[key] { removeSnapshot(at: index) } }

    mutating func removeSnapshot(at index: Int) {
        guard let snapshot = nodes[index]?.snapshot else { return }
        nodes[index]?.snapshot = nil
        freeSlots.append(snapshot.slot)
    }

    /// The blocks that one hangs from, the nearest first.
    private func ancestors(of index: Int) -> some Sequence<Int> {
        sequence(state: nodes[index]?.parent) { next in
            defer { next = next.flatMap { nodes[$0]?.parent } }
            return next
        }
    }

    /// The blocks from a timeline's start to the end of one.
    private func length(to index: Int) -> Int { (nodes[index]?.depth ?? 0) + 1 }

    /// Removes snapshots that a new one at the end of a timeline makes dispensable.
    private mutating func thinSnapshots(before newest: Int) {
        let end = length(to: newest)
        var later = end, isShared = false, dispensable: [Int] = []
        var middle: Int?
        /// Whether `middle` can go when `earlier` is the one before it.
        func settle(_ earlier: Int) {
            guard let index = middle else { return }
            if later - earlier <= end - later { dispensable.append(index) } else { later = length(to: index) }
        }
        for index in ancestors(of: newest) {
            isShared = isShared || nodes[index].map { $0.children > 1 } ?? false
            guard let snapshot = nodes[index]?.snapshot else { continue }
            settle(length(to: index))
            middle = nil
            if isShared { break }
            if snapshot.isPinned { later = length(to: index) } else { middle = index }
        }
        settle(0)
        for index in dispensable { removeSnapshot(at: index) }
    }

    /// How a snapshot stands between its neighbours.
    private struct Place {
        /// Blocks to the end of the one before it, or 0; to the nearest one after it; to the last one after it.
        var earlier = 0
        var later = Int.max
        var last = 0

        /// The gap that its loss leaves, for the distance from the end. The last of a timeline is not missed by any other.
        var gap: Double { later == .max ? .infinity : Double(later - earlier) / Double(last - later + 1) }
    }

    /// How all snapshots stand, by the index of their block. Takes time in proportion to their number and the blocks before each.
    private func places() -> [Int: Place] {
        var places: [Int: Place] = [:]
        for index in nodes.indices where nodes[index]?.snapshot != nil {
            let length = length(to: index), before = ancestors(of: index).filter { nodes[$0]?.snapshot != nil }
            if let nearest = before.first {
                places[index, default: Place()].earlier = self.length(to: nearest)
                places[nearest, default: Place()].later = min(places[nearest, default: Place()].later, length)
            }
            for other in before { places[other, default: Place()].last = max(places[other, default: Place()].last, length) }
        }
        return places
    }

    private mutating func takeLeastValuableSlot() -> UInt32? {
        let places = places()
        let all = nodes.indices.filter { nodes[$0]?.snapshot != nil }
        let protected = all.filter { nodes[$0]?.isProtected == true }
        let takesProtected = protected.count == all.count || protected.count > mostProtectedSnapshots
        func isWorthLess(_ a: Int, _ b: Int) -> Bool {
            guard let (first, second) = nodes[a].flatMap({ first in nodes[b].map { (first, $0) } }) else { return false }
            if first.snapshot?.isPinned != second.snapshot?.isPinned { return second.snapshot?.isPinned == true }
            if first.lastUse != second.lastUse { return first.lastUse < second.lastUse }
            return places[a, default: Place()].gap < places[b, default: Place()].gap
        }
        guard let index = all.filter({ nodes[$0]?.isProtected == takesProtected }).min(by: isWorthLess) else { return nil }
        removeSnapshot(at: index)
        return freeSlots.popLast()
    }
}
