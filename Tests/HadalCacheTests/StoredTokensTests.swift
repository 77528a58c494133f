import HadalCore
import Testing

@testable import HadalCache

/// Tokens that belong to no block.
@Suite("Stored tokens")
struct StoredTokensTests {
    private static let key = BlockKey(identity: "an answer", salt: [1])

    @Test("what was written comes back, from the store and another one, and can be replaced", arguments: [false, true])
    func roundTrip(sealed: Bool) throws {
        let fixture = try StoreFixture()
        do {
            let store = try fixture.store(sealed: sealed)
            #expect(store.tokens(of: Self.key) == nil)
            store.write([5, 7, 9], of: Self.key)
            #expect(store.tokens(of: Self.key) == [5, 7, 9])
            store.flush()
            #expect(store.tokens(of: Self.key) == [5, 7, 9] && fixture.blockFiles.count == 1)
            store.write([5, 7, 9], of: Self.key)
            store.write([8], of: Self.key)
            store.flush()
            #expect(store.tokens(of: Self.key) == [8] && fixture.blockFiles.count == 1)
        }
        let late = try fixture.store(sealed: sealed)
        #expect(late.tokens(of: Self.key) == [8])
        // Without the key, and under another identity, there is nothing.
        #expect(try fixture.store(sealed: !sealed).tokens(of: Self.key) == nil)
        #expect(try fixture.store(sealed: sealed, identity: "other").tokens(of: Self.key) == nil)
        #expect(try CacheDirectory(fixture.directory).verify().bad.isEmpty)
    }

    @Test("they may have a seal of their own, and go with their group")
    func group() throws {
        let fixture = try StoreFixture()
        let (store, seal) = (try fixture.store(), SealingKeys(StoreFixture.sealingKey))
        store.write([4, 2], of: Self.key, under: seal)
        store.flush()
        #expect(store.tokens(of: Self.key) == nil && store.tokens(of: Self.key, under: seal) == [4, 2])
        #expect(fixture.blockFiles.count == 1)
        try store.remove([BlockGroup(salt: [1])])
        #expect(store.tokens(of: Self.key, under: seal) == nil && fixture.blockFiles.isEmpty)
    }

    @Test("a file that was changed, or is a block, gives no tokens")
    func damage() throws {
        let fixture = try StoreFixture()
        let store = try fixture.store()
        store.write([1, 2, 3], of: Self.key)
        store.flush()
        var bytes = try StoreFixture.bytes(fixture.blockFiles[0])
        bytes[162] ^= 1
        try StoreFixture.replace(fixture.blockFiles[0], with: bytes)
        #expect(store.tokens(of: Self.key) == nil && fixture.blockFiles.isEmpty)
        let block = TestBlock(tokens: [1, 2], sizes: [100])
        block.write(to: store)
        store.flush()
        #expect(store.tokens(of: block.key) == nil)
    }
}
