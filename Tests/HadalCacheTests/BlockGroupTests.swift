import Foundation
@testable import HadalCache
import HadalCore
import TestSupport
import Testing

@Suite("Blocks of one salt")
struct BlockGroupTests {
    private func block(_ salt: String, _ token: Int32, identity: String = StoreFixture.identity) -> TestBlock {
        TestBlock(after: BlockKey(identity: identity, salt: Array(salt.utf8)), tokens: [token, 2, 3], sizes: [1000, 24])
    }

    private func write(_ block: TestBlock, to store: BlockStore, under seal: SealingKeys? = nil) -> Bool {
        store.write(block.key, after: block.parent, tokens: block.tokens, pieces: block.pieces, under: seal)
    }

    private func read(_ block: TestBlock, from store: BlockStore, under seal: SealingKeys? = nil) -> [[UInt8]]? {
        var found: [[UInt8]] = []
        let sizes = block.pieces.map(\.count)
        let isHit = store.read(block.key, after: block.parent, tokens: block.tokens, pieceSizes: sizes, under: seal) {
            found.append(Array($1))
        }
        return isHit ? found : nil
    }

    private func group(_ salt: String) -> BlockGroup { BlockGroup(salt: Array(salt.utf8)) }

    @Test("are removed from all folders, with what a killed writer left, and the others stay")
    func removed() throws {
        let fixture = try StoreFixture()
        let (one, other) = (try fixture.store(), try fixture.store(identity: "another model"))
        let (mine, second) = (block("a", 1), block("a", 2, identity: "another model"))
        let next = TestBlock(after: mine.key, tokens: [4, 5, 6], sizes: [1000, 24])
        let kept = block("b", 1)
        for (block, store) in [(mine, one), (next, one), (second, other), (kept, one)] { #expect(write(block, to: store)) }
        for store in [one, other] { store.flush() }
        let left = fixture.path(of: next) + ".4711-abcd.part"
        try StoreFixture.replace(left, with: Array("some of it".utf8))
        #expect(fixture.blockFiles.count == 4 && fixture.files.contains(left))

        try CacheDirectory.remove([group("a"), group("c")], in: fixture.directory)
        #expect(fixture.blockFiles == [fixture.path(of: kept)] && !WholeFile.exists(left))
        #expect(read(mine, from: one) == nil && read(kept, from: one) == kept.pieces)
        // It was not said that none may be written again.
        #expect(write(mine, to: one))
        one.flush()
        #expect(read(mine, from: one) == mine.pieces)
        try CacheDirectory.remove([group("a")], in: fixture.directory + "/none")
    }

    @Test("are written no more by a store that removed them, also those that waited")
    func forgotten() throws {
        let fixture = try StoreFixture()
        let warnings = LogLines()
        let store = try fixture.store(log: warnings.sink)
        var blocks = (0..<200).map { block("a", $0) }
        for block in blocks { #expect(write(block, to: store)) }
        try store.remove([group("a")])
        store.flush()
        #expect(fixture.blockFiles.isEmpty && warnings.warnings.isEmpty)
        #expect(!write(blocks[0], to: store))
        blocks = [block("b", 1)]
        #expect(write(blocks[0], to: store))
        store.flush()
        #expect(fixture.blockFiles == [fixture.path(of: blocks[0])])
    }

    @Test("may have keys of their own")
    func sealed() throws {
        let fixture = try StoreFixture()
        let store = try fixture.store()
        let (a, b) = (SealingKeys([UInt8](repeating: 1, count: 32)), SealingKeys([UInt8](repeating: 2, count: 32)))
        let (plain, secret) = (block("plain", 0x5A5A_0001), block("secret", 0x5A5A_0002))
        #expect(write(plain, to: store) && write(secret, to: store, under: a))
        // Found where they wait, and on the disk.
        for _ in 0..<2 {
            #expect(read(secret, from: store, under: a) == secret.pieces && read(secret, from: store) == nil)
            #expect(read(secret, from: store, under: b) == nil && read(plain, from: store) == plain.pieces)
            #expect(store.contains(secret.key, under: a) && !store.contains(secret.key) && !store.contains(secret.key, under: b))
            store.flush()
        }
        let sealed = fixture.blockFiles.filter { $0.hasSuffix(".sealed") }
        #expect(fixture.blockFiles.count == 2 && sealed.count == 1)
        let tokens = secret.tokens.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) }
        #expect(TextSearch.first(of: tokens, in: try StoreFixture.bytes(try #require(sealed.first)), from: 0) == nil)
        #expect(read(secret, from: try fixture.store(), under: a) == secret.pieces)
        try store.remove([group("secret")])
        #expect(fixture.blockFiles == [fixture.path(of: plain)])
        #expect(try CacheDirectory(fixture.directory).verify().bad.isEmpty)
    }
}
