/// Which blocks of state are in memory, and which of them go first when memory is needed.
///
/// A block hangs from the one before it, and none goes while another hangs from it: a timeline loses its end first. The policy is a segmented
/// LRU (Karedla, Love and Wherry, 1994) with the memory of 2Q (Johnson and Shasha, 1994): a block is on probation until a second timeline uses
/// it, which protects it, and those on probation go first, in the order of their last use. The keys of blocks that went are remembered for a
/// while: one that comes back is protected at once. So requests that come once take room from each other, and not from a conversation that goes
/// on. The protected are at most a share of all; beyond it, those used longest ago are on probation again.
///
/// A block may have a snapshot of states that cannot be cut at any token (`BlockTree+Snapshots.swift`).
///
/// A value; not thread-safe.
package struct BlockTree {
    /// What a timeline takes.
    package struct Found: Equatable {
        /// Of the blocks that it takes, from its first on.
        package var pages: [UInt32] = []
        /// Slot of the snapshot at the end of the last of these blocks, valid until the tree changes; nil if none was asked for or no block can be
        /// taken.
        package var snapshot: UInt32?
        /// Blocks of the timeline that are here, whether they can be taken or not.
        package var known = 0
    }

    struct Node {
        let key: BlockKey
        let parent: Int?
        let page: UInt32
        let depth: Int
        var children = 0
        var lastUse: UInt64
        var isProtected = false
        var snapshot: Snapshot?
    }

    var nodes: [Node?] = []
    private var unused: [Int] = []
    private(set) var indices: [BlockKey: Int] = [:]
    private var clock: UInt64 = 0
    private var protected = 0
    private let mostProtected: Int
    /// Keys of blocks that went while on probation, the oldest at `nextGone` once there are as many as are remembered.
    private var gone: [BlockKey] = []
    private var isGone: Set<BlockKey> = []
    private var nextGone = 0
    private let mostGone: Int
    /// Slots that no snapshot has.
    var freeSlots: [UInt32]
    let mostProtectedSnapshots: Int

    /// - Parameters:
    ///   - capacity: most blocks that there can be.
    ///   - protectedShare: of them, those that may be protected; 0 makes it a plain LRU. And of the slots for snapshots, those that
    ///     protected blocks keep when others need them.
    ///   - snapshotSlots: most snapshots that there can be. Their slots are numbered from 0.
    package init(capacity: Int, protectedShare: Double = 0.8, snapshotSlots: Int = 0) {
        mostProtected = Int(Double(capacity) * protectedShare)
        mostGone = mostProtected > 0 ? 2 * capacity : 0
        mostProtectedSnapshots = Int(Double(snapshotSlots) * protectedShare)
        freeSlots = (0..<UInt32(snapshotSlots)).reversed()
    }

    package var count: Int { indices.count }

    /// How many blocks have pages of a kind.
    package func count(where isCounted: (UInt32) -> Bool) -> Int { nodes.count { $0.map { isCounted($0.page) } ?? false } }

    package func contains(_ key: BlockKey) -> Bool { indices[key] != nil }

    /// Uses the blocks of a timeline as far as they are here.
    ///
    /// - Parameters:
    ///   - keys: of the timeline, from its first block on.
    ///   - needsSnapshot: whether blocks can be taken only up to one that has a snapshot.
    ///   - fits: whether so many blocks, at least one, may be taken.
    /// - Returns: as many blocks as can be taken. Those beyond them count as used as well: others will want them.
    package mutating func use(_ keys: some Sequence<BlockKey>, needsSnapshot: Bool = false, where fits: (Int) -> Bool = { _ in true })
        -> Found
    {
        clock += 1
        var found = Found(), taken = 0
        for key in keys {
            guard let index = indices[key], let node = nodes[index] else { break }
            nodes[index]?.lastUse = clock
            protect(index)
            found.pages.append(node.page)
            found.known += 1
            guard fits(found.known), !needsSnapshot || node.snapshot != nil else { continue }
            (taken, found.snapshot) = (found.known, needsSnapshot ? node.snapshot?.slot : nil)
        }
        found.pages.removeLast(found.known - taken)
        return found
    }

    /// Takes a block.
    ///
    /// - Parameter parent: the block that it hangs from, which must be here; nil: it is a timeline's first.
    /// - Returns: whether it was not here before.
    @discardableResult
    package mutating func insert(_ key: BlockKey, after parent: BlockKey?, page: UInt32) -> Bool {
        if let index = indices[key] {
            nodes[index]?.lastUse = clock
            return false
        }
        let parentIndex = parent.flatMap { indices[$0] }
        guard parent == nil || parentIndex != nil else { return false }
        clock += 1
        let node = Node(
            key: key, parent: parentIndex, page: page, depth: parentIndex.flatMap { nodes[$0]?.depth }.map { $0 + 1 } ?? 0, lastUse: clock)
        if let parentIndex { nodes[parentIndex]?.children += 1 }
        if let index = unused.popLast() {
            nodes[index] = node
            indices[key] = index
        } else {
            indices[key] = nodes.count
            nodes.append(node)
        }
        if isGone.contains(key), let index = indices[key] { protect(index) }
        return true
    }

    /// Lets go of the block that is worth the least, and of its snapshot.
    ///
    /// - Parameter isFree: whether nobody else uses a page.
    /// - Returns: its page; nil when none can go.
    package mutating func removeLeastValuable(where isFree: (UInt32) -> Bool) -> (key: BlockKey, page: UInt32)? {
        var best: (index: Int, node: Node)?
        for (index, node) in nodes.enumerated() {
            guard let node, node.children == 0, isFree(node.page) else { continue }
            if let found = best?.node {
                guard node.isProtected == found.isProtected ? node.lastUse < found.lastUse : found.isProtected else { continue }
            }
            best = (index, node)
        }
        guard let (index, node) = best else { return nil }
        if let parent = node.parent { nodes[parent]?.children -= 1 }
        removeSnapshot(at: index)
        if node.isProtected { protected -= 1 } else { remember(node.key) }
        nodes[index] = nil
        indices[node.key] = nil
        unused.append(index)
        return (node.key, node.page)
    }

    private mutating func protect(_ index: Int) {
        guard let node = nodes[index], !node.isProtected else { return }
        nodes[index]?.isProtected = true
        protected += 1
        while protected > mostProtected { demoteOldest() }
    }

    private mutating func remember(_ key: BlockKey) {
        guard mostGone > 0, isGone.insert(key).inserted else { return }
        if gone.count < mostGone { return gone.append(key) }
        isGone.remove(gone[nextGone])
        gone[nextGone] = key
        nextGone = (nextGone + 1) % mostGone
    }

    /// Puts the protected block that was used longest ago, the last of its timeline, on probation as if it were new.
    private mutating func demoteOldest() {
        var oldest: (index: Int, node: Node)?
        for (index, node) in nodes.enumerated() {
            guard let node, node.isProtected else { continue }
            if let found = oldest?.node {
                guard node.lastUse == found.lastUse ? node.depth > found.depth : node.lastUse < found.lastUse else { continue }
            }
            oldest = (index, node)
        }
        guard let index = oldest?.index else { return }
        nodes[index]?.isProtected = false
        nodes[index]?.lastUse = clock
        protected -= 1
    }
}
