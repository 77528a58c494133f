import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalCache

@Suite("Snapshots of states that cannot be cut")
struct SnapshotTests {
    private static let block = SimulatedEngine.blockTokens

    private var random = SeededGenerator(seed: 11)

    /// Random tokens, of so many blocks.
    private mutating func tokens(_ blocks: Int) -> [Int32] { tokens(count: blocks * Self.block) }

    private mutating func tokens(count: Int) -> [Int32] { (0..<count).map { _ in Int32.random(in: 0..<50000, using: &random) } }

    private static func common(_ a: [Int32], _ b: [Int32]) -> Int { zip(a, b).prefix { $0 == $1 }.count }

    @Test("a timeline goes on from the deepest block with a snapshot, with that snapshot")
    mutating func deepest() {
        let keys = SimulatedEngine.keys(tokens(5))
        var tree = BlockTree(capacity: 8, snapshotSlots: 3)
        for (index, key) in keys.enumerated() { tree.insert(key, after: index == 0 ? nil : keys[index - 1], page: UInt32(index)) }
        #expect(tree.use(keys, needsSnapshot: true) == BlockTree.Found(known: 5))
        let slots = [1, 3].map { tree.attachSnapshot(to: keys[$0], isPinned: true) }
        #expect(slots == [0, 1])
        #expect(tree.use(keys, needsSnapshot: true) == BlockTree.Found(pages: [0, 1, 2, 3], snapshot: 1, known: 5))
        #expect(tree.use(keys.prefix(3), needsSnapshot: true) == BlockTree.Found(pages: [0, 1], snapshot: 0, known: 3))
        #expect(tree.use(keys, needsSnapshot: true, where: { $0 < 4 }) == BlockTree.Found(pages: [0, 1], snapshot: 0, known: 5))
        #expect(tree.use(keys, needsSnapshot: true, where: { $0 < 2 }) == BlockTree.Found(known: 5))
        #expect(tree.use(keys) == BlockTree.Found(pages: [0, 1, 2, 3, 4], known: 5))
        #expect(tree.snapshot(of: keys[3]) == BlockTree.Snapshot(slot: 1, isPinned: true) && tree.snapshot(of: keys[4]) == nil)
    }

    @Test("a block has at most one snapshot, which is evicted with it; an absent block, or a full pool, gets none")
    mutating func slots() {
        let keys = SimulatedEngine.keys(tokens(3))
        var tree = BlockTree(capacity: 8, snapshotSlots: 1)
        for (index, key) in keys.prefix(2).enumerated() {
            tree.insert(key, after: index == 0 ? nil : keys[index - 1], page: UInt32(index))
        }
        let missing = tree.attachSnapshot(to: keys[2])
        let first = tree.attachSnapshot(to: keys[1]), again = tree.attachSnapshot(to: keys[1])
        #expect(missing == nil && first == 0 && again == nil && tree.snapshotCount == 1)
        tree.detachSnapshot(from: keys[1])
        #expect(tree.snapshotCount == 0)
        let second = tree.attachSnapshot(to: keys[1])
        let removed = tree.removeLeastValuable { _ in true }
        #expect(second == 0 && removed?.page == 1 && tree.snapshotCount == 0)
        let third = tree.attachSnapshot(to: keys[0])
        #expect(third == 0)
        var without = BlockTree(capacity: 8)
        without.insert(keys[0], after: nil, page: 0)
        let none = without.attachSnapshot(to: keys[0], isPinned: true)
        #expect(none == nil && without.snapshotCount == 0)
    }

    @Test("a prompt takes few snapshots, close together at its end", arguments: [1, 2, 3, 10, 100, 1000])
    func spacing(total: Int) {
        for held in Set([0, 1, total / 2, total - 1]) where held < total {
            for known in [0, held, (held + total) / 2, total] {
                let ends = SnapshotSpacing.ends(after: held, known: known, of: total)
                #expect(ends.last == total && ends == ends.sorted() && ends.allSatisfy { $0 > held } && Set(ends).count == ends.count)
                #expect(ends.contains(known) || known <= held)
                #expect(Double(ends.count) <= log2(Double(total - held)) + 2)
                for differing in held...total {
                    let last = ends.last { $0 <= differing } ?? held
                    #expect(differing - last <= max(2, total - differing), "\(held) \(known) \(total) \(differing)")
                }
            }
            #expect(SnapshotSpacing.ends(after: total, known: total, of: total).isEmpty)
        }
        #expect(SnapshotSpacing.ends(after: 0, known: 0, of: 10) == [2, 6, 8, 10])
    }

    /// Of a timeline of so many blocks, each end of which got a snapshot: the block ends that have one still.
    private mutating func thinned(_ blocks: Int, pinned: Set<Int> = []) -> [Int] {
        let keys = SimulatedEngine.keys(tokens(blocks))
        var tree = BlockTree(capacity: blocks, snapshotSlots: blocks)
        for (index, key) in keys.enumerated() {
            tree.insert(key, after: index == 0 ? nil : keys[index - 1], page: UInt32(index))
            _ = tree.attachSnapshot(to: key, isPinned: pinned.contains(index + 1))
        }
        return (1...blocks).filter { tree.snapshot(of: keys[$0 - 1]) != nil }
    }

    @Test("of n snapshots along a timeline some log2(n) stay, no further apart than they are from its end", arguments: [1, 7, 64, 1000])
    mutating func thinning(blocks: Int) {
        let left = thinned(blocks)
        #expect(left.last == blocks && Double(left.count) < 2 * log2(Double(blocks)) + 3, "\(left)")
        for (earlier, later) in zip([0] + left, left) { #expect(later - earlier <= max(1, blocks - later), "\(left)") }
    }

    @Test("pinned snapshots are not thinned")
    mutating func pinned() {
        let pinned = Set(stride(from: 10, through: 190, by: 9))
        let left = thinned(200, pinned: pinned)
        #expect(pinned.isSubset(of: left) && left.count <= pinned.count + 12, "\(left)")
    }

    @Test("a turn computes at most as much again as there was behind the first token that differs, and never from a wrong state")
    mutating func conversation() {
        var engine = SimulatedEngine(pages: 4000, slots: 1000)
        var history = tokens(60), held: [Int32] = []
        for turn in 0..<60 {
            let prompt = history, answer = tokens(count: Int.random(in: 0..<150, using: &random))
            let common = Self.common(prompt, held)
            let copies = engine.copies
            let taken = engine.request(prompt, answer: answer)
            let usable = min(common / Self.block, (prompt.count - 1) / Self.block)
            let behind = held.count / Self.block - usable
            #expect(usable - taken <= max(2, behind), "turn \(turn): \(taken) of \(usable), \(behind) behind")
            let blocks = (prompt.count + answer.count) / Self.block - taken
            #expect(Double(engine.copies - copies) <= log2(Double(max(blocks, 1))) + 3 + Double(answer.count) / Double(Self.block))
            held = prompt + answer
            // Goes on, or without some of the answer, or from somewhere earlier.
            switch turn % 3 {
            case 0: history = held
            case 1: history = Array(held.prefix(prompt.count + answer.count / 2))
            default: history = Array(held.prefix(Int.random(in: 1...held.count, using: &random)))
            }
            history += tokens(count: Int.random(in: 1..<60, using: &random))
        }
        #expect(engine.mistakes == 0)
    }

    @Test("where an answer is dropped from the next prompt, nothing before it is computed again but a block")
    mutating func droppedAnswers() {
        var engine = SimulatedEngine(pages: 1000, slots: 100)
        var history = tokens(count: 103)
        for turn in 0..<10 {
            let taken = engine.request(history, answer: tokens(count: 77))
            #expect(turn == 0 || history.count - 23 - taken * Self.block <= Self.block)
            history += tokens(count: 23)
        }
        #expect(engine.mistakes == 0)
    }

    @Test("what prompts have in common is computed twice, and then taken whole")
    mutating func commonBeginning() {
        var engine = SimulatedEngine(pages: 4000, slots: 300)
        let common = tokens(100)
        let taken = (0..<10).map { engine.request(common + tokens($0 == 0 ? 37 : Int.random(in: 5..<40, using: &random))) }
        #expect(taken[0] == 0 && taken[1] < 100 && taken[2...].allSatisfy { $0 == 100 }, "\(taken)")
        #expect(engine.mistakes == 0)
    }

    @Test("no more slots are used than there are, and no wrong state is found, whatever is asked for", arguments: [0, 1, 3, 17])
    mutating func workloads(slots: Int) {
        var engine = SimulatedEngine(pages: 150, slots: slots)
        var timelines = [tokens(40)], taken = 0
        for _ in 0..<600 {
            let old = timelines.randomElement(using: &random) ?? []
            let prompt =
                Array(old.prefix(Int.random(in: 0...old.count, using: &random))) + tokens(count: Int.random(in: 1..<90, using: &random))
            let answer = tokens(count: Int.random(in: 0..<60, using: &random))
            taken += engine.request(prompt, answer: answer)
            timelines.append(prompt + answer)
            if timelines.count > 12 { timelines.removeFirst() }
        }
        #expect(engine.mistakes == 0 && engine.tree.snapshotCount <= slots && (taken > 0) == (slots > 0))
    }

    @Test("requests that come once do not displace the snapshots of a conversation")
    mutating func once() {
        var engine = SimulatedEngine(pages: 400, slots: 12)
        var history = tokens(30)
        for turn in 0..<20 {
            let taken = engine.request(history)
            // All but what this turn and the one before added.
            #expect(turn < 3 || history.count / Self.block - taken <= 4, "turn \(turn): \(taken) of \(history.count / Self.block)")
            history += tokens(2)
            for _ in 0..<6 { engine.request(tokens(20)) }
        }
        #expect(engine.mistakes == 0)
    }

    @Test("of a conversation with more turns than slots, snapshots stay from its end to its beginning")
    mutating func longConversation() {
        var engine = SimulatedEngine(pages: 1000, slots: 10)
        var history = tokens(10)
        for _ in 0..<60 {
            engine.request(history, answer: tokens(4))
            history += tokens(8)
        }
        let keys = SimulatedEngine.keys(history)
        let left = keys.indices.filter { engine.tree.snapshot(of: keys[$0]) != nil }.map { $0 + 1 }
        #expect(engine.tree.snapshotCount == 10 && engine.mistakes == 0)
        #expect((left.first ?? .max) < keys.count / 2 && (left.last ?? 0) > keys.count - 20, "\(left) of \(keys.count)")
    }
}
