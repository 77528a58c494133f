import Foundation
import HadalCache
import HadalCore
import TestSupport
import Testing

@Suite("Sealed blocks on the disk")
struct SealingTests {
    private let block = TestBlock(
        tokens: (0..<64).map { 0x5A5A_0000 + $0 }, pieces: [Array("what somebody typed ".utf8), [UInt8](repeating: 0xA5, count: 4096)])

    @Test("names and contents say nothing without the key")
    func secrecy() throws {
        let fixture = try StoreFixture()
        let (sealed, plain) = (try fixture.store(sealed: true), try fixture.store())
        for store in [sealed, plain] {
            block.write(to: store)
            store.flush()
        }
        #expect(fixture.blockFiles.count == 2)
        let names = fixture.blockFiles.map { ($0 as NSString).lastPathComponent }
        #expect(names.allSatisfy { !$0.contains(block.key.bytes.hexadecimal) })
        #expect(Set(names.map { $0.prefix(64) }).count == 2)
        let path = try #require(fixture.blockFiles.first { $0.hasSuffix(".sealed") })
        let bytes = try StoreFixture.bytes(path)
        // Long enough that none occurs by chance.
        let tokens = stride(from: 0, to: 64, by: 4).map { start in
            block.tokens[start..<start + 4].flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) }
        }
        let secrets = tokens + [block.pieces[0], Array(block.pieces[1].prefix(16)), block.key.bytes, block.parent.bytes]
        for secret in secrets { #expect(TextSearch.first(of: secret, in: bytes, from: 0) == nil) }
        // Which are there to be found where nothing is sealed.
        let open = try StoreFixture.bytes(try #require(fixture.blockFiles.first { $0 != path }))
        for secret in secrets { #expect(TextSearch.first(of: secret, in: open, from: 0) != nil) }
    }

    @Test("equal blocks make different files")
    func salts() throws {
        let fixture = try StoreFixture()
        let files = try (0..<2).map { _ in
            let store = try fixture.store(sealed: true)
            block.write(to: store)
            store.flush()
            let bytes = try StoreFixture.bytes(fixture.blockFiles[0])
            try FileManager.default.removeItem(atPath: fixture.blockFiles[0])
            return bytes
        }
        #expect(files[0].count == files[1].count)
        #expect(zip(files[0], files[1]).filter { $0 == $1 }.count < files[0].count / 16)
    }

    @Test("without its key nothing is found, and nothing is removed")
    func otherKeys() throws {
        let fixture = try StoreFixture()
        let owner = try fixture.store(sealed: true)
        block.write(to: owner)
        owner.flush()
        let files = fixture.files
        let key = [UInt8](repeating: 9, count: 32)
        let others = [
            try fixture.store(),
            try BlockStore(directory: fixture.directory, limit: 1 << 30, sealingKey: key, identity: StoreFixture.identity),
        ]
        for other in others {
            #expect(!other.contains(block.key) && block.read(from: other) == nil)
            #expect(block.write(to: other))
            other.flush()
            #expect(block.isWhole(in: other))
        }
        #expect(files.allSatisfy(WholeFile.exists) && fixture.blockFiles.count == 3)
        #expect(block.isWhole(in: owner))
    }

    @Test("a file sealed with another key under a name that was asked for is a miss and is removed")
    func foreignFile() throws {
        let fixture = try StoreFixture()
        let (first, key) = (try fixture.store(sealed: true), [UInt8](repeating: 9, count: 32))
        let second = try BlockStore(directory: fixture.directory, limit: 1 << 30, sealingKey: key, identity: StoreFixture.identity)
        block.write(to: first)
        first.flush()
        let path = fixture.blockFiles[0]
        block.write(to: second)
        second.flush()
        let other = try #require(fixture.blockFiles.first { $0 != path })
        try StoreFixture.replace(other, with: try StoreFixture.bytes(path))
        #expect(block.read(from: second) == nil && !WholeFile.exists(other) && block.isWhole(in: first))
    }
}
