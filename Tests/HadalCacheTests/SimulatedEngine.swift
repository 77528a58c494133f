import HadalCache

/// An engine with a state that cannot be cut: a hash of all tokens so far, which can be advanced by a token, or be what a snapshot holds.
///
/// It computes prompts and answers as an engine would, from what the tree has, and counts what it finds that is not as it must be.
struct SimulatedEngine {
    static let blockTokens = 4

    struct State: Equatable {
        private var hash: UInt64 = 14_695_981_039_346_656_037

        init() {}
        init(after tokens: some Sequence<Int32>) { for token in tokens { advance(token) } }
        mutating func advance(_ token: Int32) { hash = (hash ^ UInt64(truncatingIfNeeded: token)) &* 1_099_511_628_211 }
    }

    private(set) var tree: BlockTree
    private let slots: Int
    private var freePages: [UInt32]
    private var blockOfPage: [UInt32: BlockKey] = [:]
    private var stateOfSlot: [UInt32: State] = [:]
    /// Snapshots that were taken.
    private(set) var copies = 0
    private(set) var mistakes = 0

    init(pages: Int, slots: Int) {
        tree = BlockTree(capacity: pages, snapshotSlots: slots)
        freePages = Array(0..<UInt32(pages))
        self.slots = slots
    }

    /// The keys of a timeline's whole blocks.
    static func keys(_ tokens: [Int32]) -> [BlockKey] {
        var keys: [BlockKey] = []
        for first in stride(from: 0, to: tokens.count - tokens.count % blockTokens, by: blockTokens) {
            tokens[first..<first + blockTokens].withUnsafeBufferPointer {
                keys.append(BlockKey(after: keys.last ?? BlockKey(identity: "model", salt: []), tokens: $0))
            }
        }
        return keys
    }

    /// Computes a prompt and then an answer to it.
    ///
    /// - Returns: blocks of the prompt that were taken.
    @discardableResult
    mutating func request(_ prompt: [Int32], answer: [Int32] = []) -> Int {
        let tokens = prompt + answer, keys = Self.keys(tokens), size = Self.blockTokens
        // The last token is computed in any case: its logits are needed.
        let total = (prompt.count - 1) / size
        let found = tree.use(keys.prefix(total), needsSnapshot: true)
        let start = found.pages.count
        var state = found.snapshot.flatMap { stateOfSlot[$0] } ?? State()
        check(found.pages.compactMap { blockOfPage[$0] } == Array(keys.prefix(start)))
        check((found.snapshot == nil) == (start == 0) && state == State(after: tokens.prefix(start * size)))
        let ends = Set(SnapshotSpacing.ends(after: start, known: found.known, of: total))
        var held = Set(found.pages)
        for index in start..<keys.count {
            for token in tokens[index * size..<(index + 1) * size] { state.advance(token) }
            insert(keys, index, &held)
            // Where an answer ends is not known before: each of its blocks may be the last.
            let isLast = index + 1 == total || index + 1 == keys.count
            if index >= total || ends.contains(index + 1) { takeSnapshot(of: state, at: keys[index], isPinned: isLast) }
        }
        check(state == State(after: tokens.prefix(keys.count * size)))
        return start
    }

    private mutating func insert(_ keys: [BlockKey], _ index: Int, _ held: inout Set<UInt32>) {
        guard !tree.contains(keys[index]) else { return }
        let page = freePages.popLast() ?? tree.removeLeastValuable { !held.contains($0) }?.page
        guard let page else { return }
        if tree.insert(keys[index], after: index == 0 ? nil : keys[index - 1], page: page) {
            held.insert(page)
            blockOfPage[page] = keys[index]
        } else {
            freePages.append(page)
        }
    }

    private mutating func takeSnapshot(of state: State, at key: BlockKey, isPinned: Bool) {
        if let slot = tree.attachSnapshot(to: key, isPinned: isPinned) {
            check(slot < slots)
            stateOfSlot[slot] = state
            copies += 1
        }
        check(tree.snapshotCount <= slots)
    }

    private mutating func check(_ isRight: Bool) { if !isRight { mistakes += 1 } }
}
