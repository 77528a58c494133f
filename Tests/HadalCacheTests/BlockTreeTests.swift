import HadalCache
import HadalCore
import TestSupport
import Testing

@Suite("Tree of blocks")
struct BlockTreeTests {
    private static let block = SimulatedEngine.blockTokens

    /// A cache of so many pages with nothing but a tree.
    private struct Cache {
        var tree: BlockTree
        var free: [UInt32]

        init(pages: Int, protectedShare: Double = 0.8) {
            tree = BlockTree(capacity: pages, protectedShare: protectedShare)
            free = Array(0..<UInt32(pages))
        }

        /// - Returns: blocks that were there.
        mutating func request(_ tokens: [Int32]) -> Int {
            let keys = SimulatedEngine.keys(tokens)
            let found = tree.use(keys).pages
            var held = Set(found)
            for index in found.count..<keys.count {
                guard let page = free.popLast() ?? tree.removeLeastValuable(where: { !held.contains($0) })?.page else { break }
                held.insert(page)
                tree.insert(keys[index], after: index == 0 ? nil : keys[index - 1], page: page)
            }
            return found.count
        }
    }

    @Test("timelines share what they begin with")
    func sharing() {
        var cache = Cache(pages: 10)
        let requests: [[Int32]] = [
            [1, 1, 1, 1, 2, 2, 2, 2], [1, 1, 1, 1, 3, 3, 3, 3, 4, 4, 4, 4], [1, 1, 1, 1, 2, 2, 2, 2, 5], [9, 1, 1, 1, 2, 2, 2, 2],
        ]
        let found = requests.map { cache.request($0) }
        #expect(found == [0, 1, 2, 0])
        #expect(cache.tree.count == 6 && cache.tree.count { $0 < 10 } == 6)
    }

    @Test("a block goes only when none hangs from it, and never one in use")
    func tails() {
        var tree = BlockTree(capacity: 8)
        let keys = SimulatedEngine.keys([1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3])
        let orphan = tree.insert(keys[1], after: keys[0], page: 7)
        #expect(!orphan)
        for (index, key) in keys.enumerated() { tree.insert(key, after: index == 0 ? nil : keys[index - 1], page: UInt32(index)) }
        let inUse = tree.removeLeastValuable { $0 != 2 }
        #expect(inUse == nil)
        let removed = (0..<4).map { _ in tree.removeLeastValuable { _ in true }?.page }
        #expect(removed == [2, 1, 0, nil] && tree.count == 0)
    }

    /// A conversation of many turns between requests that come once: how many of the conversation's blocks are found.
    private func conversation(protectedShare: Double, once: Int) -> (found: Int, asked: Int) {
        var random = SeededGenerator(seed: 5)
        var cache = Cache(pages: 100, protectedShare: protectedShare)
        func tokens(_ blocks: Int) -> [Int32] { (0..<blocks * Self.block).map { _ in Int32.random(in: 0..<50000, using: &random) } }
        var history = tokens(30), found = 0, asked = 0
        for turn in 0..<20 {
            let hits = cache.request(history)
            if turn > 2 { (found, asked) = (found + hits, asked + history.count / Self.block - 2) }
            history += tokens(2)
            for _ in 0..<once { _ = cache.request(tokens(10)) }
        }
        return (found, asked)
    }

    @Test("requests that come once do not displace a conversation, as they do with a plain LRU")
    func trace() {
        let segmented = conversation(protectedShare: 0.8, once: 12), plain = conversation(protectedShare: 0, once: 12)
        #expect(plain.found == 0)
        // From the third time on that it is asked for, all but what the last turn added.
        #expect(segmented.found >= segmented.asked * 9 / 10, "\(segmented)")
        let few = conversation(protectedShare: 0.8, once: 2)
        #expect(few.found == few.asked)
    }

    @Test("a conversation that is over makes room in the end")
    func over() {
        var cache = Cache(pages: 20)
        let old: [Int32] = Array(1...60)
        _ = cache.request(old)
        _ = cache.request(old)
        for turn: Int32 in 0..<40 {
            let new = (0..<12 * Int32(Self.block)).map { 1000 + $0 + (turn / 4) * 100 }
            _ = cache.request(new)
        }
        let left = cache.request(old)
        #expect(left < 8)
    }
}
