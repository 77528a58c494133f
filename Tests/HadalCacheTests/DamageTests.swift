import Foundation
import HadalCache
import HadalCore
import TestSupport
import Testing

@Suite("Damaged blocks on the disk")
struct DamageTests {
    private let block = TestBlock(tokens: [11, 12], pieces: [[1, 2, 3, 4, 5], [], [6, 7, 8]])

    /// The only block of a directory, written anew where it is missing; its path.
    private func written(_ fixture: StoreFixture, sealed: Bool) throws -> String {
        let store = try fixture.store(sealed: sealed)
        block.write(to: store)
        store.flush()
        return try #require(fixture.blockFiles.first)
    }

    @Test("with any bit flipped it is a miss and is removed", arguments: [false, true])
    func everyBit(sealed: Bool) throws {
        let fixture = try StoreFixture()
        let path = try written(fixture, sealed: sealed)
        let whole = try StoreFixture.bytes(path)
        let store = try fixture.store(sealed: sealed)
        for bit in 0..<whole.count * 8 {
            var bytes = whole
            bytes[bit / 8] ^= 1 << (bit % 8)
            try StoreFixture.replace(path, with: bytes)
            #expect(block.read(from: store) == nil, "bit \(bit)")
            #expect(!WholeFile.exists(path) && !store.contains(block.key), "bit \(bit)")
        }
        try StoreFixture.replace(path, with: whole)
        #expect(block.isWhole(in: store))
    }

    @Test("of any other length it is a miss and is removed", arguments: [false, true])
    func everyLength(sealed: Bool) throws {
        let fixture = try StoreFixture()
        let path = try written(fixture, sealed: sealed)
        let whole = try StoreFixture.bytes(path)
        let store = try fixture.store(sealed: sealed)
        for bytes in (0..<whole.count).map({ Array(whole[..<$0]) }) + [whole + [0], whole + whole] {
            try StoreFixture.replace(path, with: bytes)
            #expect(block.read(from: store) == nil && !WholeFile.exists(path), "\(bytes.count) bytes")
        }
    }

    @Test("no piece is given before it was verified", arguments: [false, true])
    func nothingUnverified(sealed: Bool) throws {
        let fixture = try StoreFixture()
        let path = try written(fixture, sealed: sealed)
        var bytes = try StoreFixture.bytes(path)
        // The last bit before the last tag: of the last piece.
        bytes[bytes.count - 17] ^= 1
        try StoreFixture.replace(path, with: bytes)
        let store = try fixture.store(sealed: sealed)
        var given: [Int: [UInt8]] = [:]
        #expect(
            !store.read(block.key, after: block.parent, tokens: block.tokens, pieceSizes: [5, 0, 3]) { given[$0] = Array($1) })
        #expect(given == [0: [1, 2, 3, 4, 5], 1: []])
    }

    @Test("what was not asked for is a miss and is removed", arguments: [false, true])
    func otherThings(sealed: Bool) throws {
        let fixture = try StoreFixture()
        let other = BlockKey(identity: "other", salt: [])
        func isMiss(_ sizes: [Int] = [5, 0, 3], parent: BlockKey? = nil, tokens: [Int32]? = nil) throws -> Bool {
            let path = try written(fixture, sealed: sealed)
            let store = try fixture.store(sealed: sealed)
            let isHit = store.read(block.key, after: parent ?? block.parent, tokens: tokens ?? block.tokens, pieceSizes: sizes) { _, _ in }
            return !isHit && !WholeFile.exists(path)
        }
        #expect(try isMiss(parent: other))
        #expect(try isMiss(tokens: [12, 11]))
        #expect(try isMiss(tokens: [11, 12, 13]))
        #expect(try isMiss([5, 3, 0]))
        #expect(try isMiss([8]))
        #expect(try isMiss([5, 0, 3, 0]))
        #expect(try isMiss([5, 0, 3, -20, 4]))
    }

    @Test("under the name of another block, or in the folder of another identity, it is a miss and is removed", arguments: [false, true])
    func otherPlaces(sealed: Bool) throws {
        let fixture = try StoreFixture()
        let path = try written(fixture, sealed: sealed)
        let whole = try StoreFixture.bytes(path)
        let neighbour = TestBlock(tokens: [21, 22], pieces: block.pieces)
        let store = try fixture.store(sealed: sealed)
        neighbour.write(to: store)
        store.flush()
        let neighbourPath = try #require(fixture.blockFiles.first { $0 != path })
        try StoreFixture.replace(neighbourPath, with: whole)
        #expect(neighbour.read(from: store) == nil && !WholeFile.exists(neighbourPath))

        let stranger = try fixture.store(sealed: sealed, identity: "another model")
        #expect(!stranger.contains(block.key) && block.read(from: stranger) == nil)
        block.write(to: stranger)
        stranger.flush()
        let strangerPath = try #require(fixture.blockFiles.first { $0 != path })
        try StoreFixture.replace(strangerPath, with: whole)
        #expect(block.read(from: stranger) == nil && !WholeFile.exists(strangerPath))
        #expect(block.isWhole(in: store))
    }

    @Test("a link or a folder in place of a file is a miss")
    func otherKinds() throws {
        let fixture = try StoreFixture()
        let path = try written(fixture, sealed: false)
        try FileManager.default.moveItem(atPath: path, toPath: "\(fixture.directory)/away")
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "\(fixture.directory)/away")
        #expect(block.read(from: try fixture.store()) == nil && WholeFile.exists("\(fixture.directory)/away"))
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        #expect(block.read(from: try fixture.store()) == nil)
    }
}
