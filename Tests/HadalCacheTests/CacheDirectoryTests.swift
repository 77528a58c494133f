import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalCache

@Suite("Looking after a cache directory")
struct CacheDirectoryTests {
    private let chain = TestBlock.chain(3)

    /// Blocks of two models, some of them sealed, and files of somebody else.
    private func filled() throws -> (fixture: StoreFixture, foreign: [String]) {
        let fixture = try StoreFixture()
        let model = CachedModel(name: "m.gguf", architecture: "llama", cacheType: "f16")
        let first = try BlockStore(directory: fixture.directory, limit: 1 << 30, identity: StoreFixture.identity, model: model)
        let (sealed, second) = (try fixture.store(sealed: true), try fixture.store(identity: "other"))
        for block in chain { block.write(to: first) }
        for block in chain.prefix(2) { block.write(to: sealed) }
        chain[0].write(to: second)
        for store in [first, sealed, second] { store.flush() }
        let folder = CacheFolder(in: fixture.directory, identity: StoreFixture.identity).path
        let foreign = [
            "\(fixture.directory)/notes.txt", "\(fixture.directory)/hadal-notes", "\(folder)/notes.block", "\(folder)/model.json.old",
        ]
        for path in foreign { try StoreFixture.replace(path, with: [1]) }
        return (fixture, foreign)
    }

    @Test("a list has models, numbers and times, and no tokens")
    func list() throws {
        let (fixture, _) = try filled()
        let list = try CacheDirectory(fixture.directory).list()
        #expect(list.count == 2 && list.reduce(0) { $0 + $1.bytes } == fixture.blockBytes)
        let first = try #require(list.first { $0.identity == StoreFixture.identity })
        #expect(first.blocks == 5 && first.sealedBlocks == 2)
        #expect(first.oldestUse == fixture.blockFiles.filter { $0.hasPrefix(first.folder) }.compactMap { FileStatus($0)?.use }.min())
        #expect((first.newestUse ?? 0) > (first.oldestUse ?? .max))
        let second = try #require(list.first { $0.identity == "other" })
        #expect(second.blocks == 1 && second.sealedBlocks == 0 && second.model == CachedModel())
    }

    @Test("the last store to open a folder says what the model is called")
    func description() throws {
        let fixture = try StoreFixture()
        let model = CachedModel(name: "m.gguf", architecture: "llama", cacheType: "f16")
        _ = try BlockStore(directory: fixture.directory, limit: 1, identity: "a \"b\" \u{0}\u{1F600}", model: model)
        let list = try CacheDirectory(fixture.directory).list()
        #expect(
            list.map(\.model) == [model] && list[0].identity == "a \"b\" \u{0}\u{1F600}" && list[0].blocks == 0 && list[0].oldestUse == nil)
        let description = try #require(fixture.files.first)
        try StoreFixture.replace(description, with: Array("{".utf8))
        #expect(try CacheDirectory(fixture.directory).list()[0].identity == nil)
    }

    @Test("every bit of a block is verified without its tokens")
    func verify() throws {
        let fixture = try StoreFixture()
        let block = TestBlock(tokens: [11, 12], pieces: [[1, 2, 3, 4, 5], [], [6, 7, 8]])
        let store = try fixture.store()
        block.write(to: store)
        store.flush()
        let (directory, path) = (try CacheDirectory(fixture.directory), fixture.path(of: block))
        let whole = try StoreFixture.bytes(path)
        let result = try directory.verify()
        #expect(result.verified == 1 && result.sealed == 0 && result.bad.isEmpty && result.bytes == whole.count)
        for bit in 0..<whole.count * 8 {
            var bytes = whole
            bytes[bit / 8] ^= 1 << (bit % 8)
            try StoreFixture.replace(path, with: bytes)
            #expect(try directory.verify().bad == [.init(path: path, isRemoved: true)], "bit \(bit)")
        }
        for count in [0, 1, 63, 64, 200, whole.count - 1] {
            try StoreFixture.replace(path, with: Array(whole[..<count]))
            #expect(try directory.verify().bad.count == 1, "\(count) bytes")
        }
        #expect(!WholeFile.exists(path))
    }

    @Test("a block under another's name, or in another's folder, is damaged")
    func misplaced() throws {
        let (fixture, _) = try filled()
        let bytes = try StoreFixture.bytes(fixture.path(of: chain[0]))
        let paths = [fixture.path(of: chain[1]), fixture.path(of: chain[0], identity: "other"), fixture.path(of: chain[0], sealed: true)]
        for path in paths { try StoreFixture.replace(path, with: bytes) }
        let result = try CacheDirectory(fixture.directory).verify()
        #expect(Set(result.bad.map(\.path)) == Set(paths) && result.verified == 2 && result.sealed == 1)
    }

    @Test("of sealed blocks the length alone is verified")
    func sealed() throws {
        let (fixture, _) = try filled()
        let path = fixture.path(of: chain[0], sealed: true)
        let whole = try StoreFixture.bytes(path)
        var flipped = whole
        flipped[whole.count - 1] ^= 1
        try StoreFixture.replace(path, with: flipped)
        let directory = try CacheDirectory(fixture.directory)
        let result = try directory.verify()
        #expect(result.bad.isEmpty && result.sealed == 2 && result.verified == 4 && result.bytes == fixture.blockBytes)
        try StoreFixture.replace(path, with: whole.dropLast())
        #expect(try directory.verify().bad.map(\.path) == [path])
    }

    @Test("clearing removes what this program wrote, and nothing else")
    func clear() throws {
        let (fixture, foreign) = try filled()
        let temporary = fixture.path(of: chain[2]) + ".1-a.part"
        try StoreFixture.replace(temporary, with: [1])
        let emptyFolder = "\(fixture.directory)/hadal-\(String(repeating: "0", count: 32))"
        try FileManager.default.createDirectory(atPath: emptyFolder, withIntermediateDirectories: false)
        let bytes = fixture.blockBytes
        let removed = try CacheDirectory(fixture.directory).clear()
        #expect(removed.blocks == 6 && removed.bytes == bytes)
        #expect(fixture.files == foreign.sorted())
        #expect(!FileManager.default.fileExists(atPath: CacheFolder(in: fixture.directory, identity: "other").path))
        #expect(FileManager.default.fileExists(atPath: emptyFolder))
    }

    @Test("a directory that is not there, or is none, is an error")
    func refusals() throws {
        let fixture = try StoreFixture()
        expectError(.notFound, "does not exist", fixture.directory) { try CacheDirectory(fixture.directory) }
        try StoreFixture.replace(fixture.directory, with: [])
        expectError(.io, "is not a directory") { try CacheDirectory(fixture.directory) }
    }
}
