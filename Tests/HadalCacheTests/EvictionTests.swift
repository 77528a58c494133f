import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalCache

@Suite("The limit of blocks on the disk")
struct EvictionTests {
    /// Bytes of the file of a block of `TestBlock.chain`.
    private let fileBytes = 64 + 96 + 3 * 4 + 2 * 8 + 16 + 1000 + 16 + 24 + 16

    private func write(_ blocks: [TestBlock], to store: BlockStore) {
        for block in blocks { block.write(to: store) }
        store.flush()
    }

    /// How many blocks of a timeline are there, which must be its first.
    private func length(_ chain: [TestBlock], _ fixture: StoreFixture) -> Int {
        let held = chain.map(fixture.holds)
        #expect(!zip(held, held.dropFirst()).contains { !$0 && $1 }, "\(held)")
        return held.count { $0 }
    }

    @Test("of a timeline the last blocks go first")
    func tailsFirst() throws {
        let fixture = try StoreFixture()
        let store = try fixture.store(limit: fileBytes * 20)
        let chain = TestBlock.chain(20)
        write(chain, to: store)
        #expect(length(chain, fixture) == 20 && fixture.blockBytes == fileBytes * 20)
        let other = TestBlock.chain(3, first: 7)
        write(other, to: store)
        #expect(length(other, fixture) == 3)
        #expect((15...17).contains(length(chain, fixture)) && fixture.blockBytes <= fileBytes * 20)
    }

    @Test("what was used least recently goes first, and a hit is use of all that it hangs from", arguments: [false, true])
    func leastRecentlyUsed(whole: Bool) throws {
        let fixture = try StoreFixture()
        let (used, unused) = (TestBlock.chain(8), TestBlock.chain(8, first: 1))
        let store = try fixture.store(limit: fileBytes * 17)
        write(used, to: store)
        write(unused, to: store)
        for block in whole ? used[...] : used.suffix(1) { #expect(block.isWhole(in: store)) }
        write(TestBlock.chain(5, first: 2), to: store)
        #expect(length(used, fixture) == 8 && (1...4).contains(length(unused, fixture)))
    }

    @Test("a store that finds blocks of an earlier one keeps what it uses")
    func afterRestart() throws {
        let fixture = try StoreFixture()
        let (used, unused) = (TestBlock.chain(8), TestBlock.chain(8, first: 1))
        do {
            let store = try fixture.store()
            write(used, to: store)
            write(unused, to: store)
        }
        let store = try fixture.store(limit: fileBytes * 17)
        for block in used { #expect(block.isWhole(in: store)) }
        write(TestBlock.chain(5, first: 2), to: store)
        #expect(length(used, fixture) == 8 && (1...4).contains(length(unused, fixture)))
    }

    @Test("no block is as old as one that hangs from it, whatever is used in whatever order")
    func times() throws {
        let fixture = try StoreFixture()
        let store = try fixture.store()
        var (blocks, generator) = ([TestBlock](), SeededGenerator(seed: 3))
        for index in 0..<200 {
            let parent = blocks.randomElement(using: &generator)
            blocks.append(
                TestBlock(after: parent?.key ?? BlockKey(identity: StoreFixture.identity, salt: []), tokens: [Int32(index)], sizes: [1]))
            blocks.last?.write(to: store)
            if index % 7 == 0 { store.flush() }
            for _ in 0..<3 { _ = blocks.randomElement(using: &generator)?.read(from: store) }
        }
        store.flush()
        let uses = Dictionary(uniqueKeysWithValues: blocks.map { ($0.key, FileStatus(fixture.path(of: $0))?.use ?? 0) })
        for block in blocks { if let parent = uses[block.parent] { #expect(parent > uses[block.key] ?? 0) } }
    }

    @Test("what was used is known on the disk before long, and when the store goes", arguments: [false, true])
    func savedUses(closes: Bool) throws {
        let fixture = try StoreFixture()
        let block = TestBlock(tokens: [1], sizes: [10])
        write([block], to: try fixture.store())
        FileStatus.set(use: 1_000_000_000, of: fixture.path(of: block))
        var store: BlockStore? = try fixture.store()
        #expect(try block.isWhole(in: #require(store)))
        if closes { store = nil }
        // As long as that takes on a busy machine.
        for _ in 0..<6000 where FileStatus(fixture.path(of: block))?.use == 1_000_000_000 { usleep(10_000) }
        #expect(FileStatus(fixture.path(of: block))?.use != 1_000_000_000)
        withExtendedLifetime(store) {}
    }

    @Test("a new block is no younger than its parent before uses are saved")
    func newBlock() throws {
        let fixture = try StoreFixture()
        let store = try fixture.store()
        let chain = TestBlock.chain(2)
        write([chain[0]], to: store)
        chain[1].write(to: store)
        while store.pendingBytes > 0 { usleep(100) }
        let uses = chain.map { FileStatus(fixture.path(of: $0))?.use ?? 0 }
        #expect(uses[0] > uses[1] && uses[1] > 0)
    }

    @Test("the limit holds for the whole directory, whoever writes")
    func shared() throws {
        let fixture = try StoreFixture()
        let limit = fileBytes * 40
        let stores = try [
            fixture.store(limit: limit), fixture.store(limit: limit), fixture.store(limit: limit, sealed: true),
            fixture.store(limit: limit, identity: "other"),
        ]
        for index in 0..<60 {
            for store in stores { write(TestBlock.chain(1, first: Int32(index) * 10 + 1), to: store) }
            #expect(fixture.blockBytes <= limit)
        }
        #expect(fixture.blockBytes >= limit * 3 / 4)
    }

    @Test("a lower limit holds from the first write on")
    func lowered() throws {
        let fixture = try StoreFixture()
        write(TestBlock.chain(20), to: try fixture.store())
        let (store, chain) = (try fixture.store(limit: fileBytes * 10), TestBlock.chain(1, first: 1))
        write(chain, to: store)
        #expect(fixture.blockBytes <= fileBytes * 10 && fixture.holds(chain[0]))
    }

    @Test("a block that is larger than the limit is not kept, and makes no room")
    func tooLarge() throws {
        let fixture = try StoreFixture()
        let store = try fixture.store(limit: fileBytes * 4)
        let chain = TestBlock.chain(3)
        write(chain, to: store)
        write([TestBlock(tokens: [1], sizes: [fileBytes * 4])], to: store)
        #expect(fixture.blockFiles.count == 3 && length(chain, fixture) == 3)
    }
}
