import Foundation
import HadalCache
import HadalCore
import TestSupport
import Testing

@Suite("Blocks on the disk")
struct BlockStoreTests {
    @Test("what was written comes back, from the store, another one, and another process's", arguments: [false, true])
    func roundTrip(sealed: Bool) throws {
        let fixture = try StoreFixture()
        let blocks = TestBlock.chain(3, sizes: [1000, 24]) + [TestBlock(tokens: [9], sizes: [0, 700_000, 5, 0])]
        let early = try fixture.store(sealed: sealed)
        do {
            let store = try fixture.store(sealed: sealed)
            #expect(blocks.allSatisfy { !store.contains($0.key) && $0.read(from: store) == nil })
            for block in blocks { #expect(block.write(to: store)) }
            // What waits to be written is found as well.
            #expect(blocks.allSatisfy { store.contains($0.key) && $0.isWhole(in: store) })
            store.flush()
            #expect(store.pendingBytes == 0 && fixture.blockFiles.count == 4)
            #expect(blocks.allSatisfy { store.contains($0.key) && $0.isWhole(in: store) })
        }
        let late = try fixture.store(sealed: sealed)
        #expect(blocks.allSatisfy { late.contains($0.key) && $0.isWhole(in: late) })
        #expect(blocks.allSatisfy { early.contains($0.key) && $0.isWhole(in: early) })
    }

    @Test("a store writes what waits before it goes")
    func drains() throws {
        let fixture = try StoreFixture()
        let blocks = TestBlock.chain(50)
        do {
            let store = try fixture.store()
            for block in blocks { block.write(to: store) }
        }
        #expect(fixture.blockFiles.count == 50)
    }

    @Test("a block that is there is not written again")
    func once() throws {
        let fixture = try StoreFixture()
        let block = TestBlock(tokens: [1, 2], sizes: [100])
        let (store, other) = (try fixture.store(), try fixture.store())
        block.write(to: store)
        store.flush()
        let before = try StoreFixture.bytes(fixture.blockFiles[0])
        for store in [store, other] {
            #expect(block.write(to: store))
            store.flush()
        }
        // Each file has a salt of its own.
        #expect(try StoreFixture.bytes(fixture.blockFiles[0]) == before)
    }

    @Test("files are the user's alone, whatever the mask", arguments: [mode_t(0), 0o777])
    func permissions(mask: mode_t) throws {
        let fixture = try StoreFixture()
        let directory = fixture.directory
        // The mask of a thread that shares none with others, and of those that it starts.
        let thread = SystemThread(name: "mask") {
            // CLONE_FS
            guard let unshare = dlsym(nil, "unshare"), unsafeBitCast(unshare, to: (@convention(c) (Int32) -> Int32).self)(0x200) == 0 else {
                return
            }
            umask(mask)
            let store = try? BlockStore(directory: directory, limit: 1 << 30, identity: StoreFixture.identity)
            if let store { TestBlock(tokens: [1], sizes: [10]).write(to: store) }
        }
        thread?.join()
        func mode(_ path: String) -> mode_t {
            var info = stat()
            return stat(path, &info) == 0 ? info.st_mode & 0o777 : 0
        }
        let folder = (try #require(fixture.blockFiles.first) as NSString).deletingLastPathComponent
        #expect(mode(fixture.directory) == 0o700 && mode(folder) == 0o700)
        #expect(fixture.files.count == 2 && fixture.files.allSatisfy { mode($0) == 0o600 })
    }

    @Test("a folder that others could read is closed to them")
    func closesFolder() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store()
        let folder = (fixture.files[0] as NSString).deletingLastPathComponent
        chmod(folder, 0o755)
        _ = try fixture.store()
        var info = stat()
        #expect(stat(folder, &info) == 0 && info.st_mode & 0o777 == 0o700)
    }

    @Test("a folder that somebody else made is refused", .enabled(if: geteuid() == 0, "needs the right to give files away"))
    func foreignFolder() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store()
        chown((fixture.files[0] as NSString).deletingLastPathComponent, 54_321, 54_321)
        expectError(.io, "belongs to another user") { try fixture.store() }
    }

    @Test("what cannot be a cache is an error")
    func refusals() throws {
        let fixture = try StoreFixture()
        let parent = (fixture.directory as NSString).deletingLastPathComponent
        try StoreFixture.replace("\(parent)/file", with: [1])
        expectError(.io, "is not a directory", "\(parent)/file") {
            try BlockStore(directory: "\(parent)/file", limit: 1, identity: "")
        }
        expectError(.io, "cannot create the directory") { try BlockStore(directory: "\(parent)/file/x", limit: 1, identity: "") }
        expectError(.io, "cannot create the directory") { try BlockStore(directory: "/proc/hadal", limit: 1, identity: "") }
        expectError(.invalidArgument, "32 bytes, not 5") {
            try BlockStore(directory: fixture.directory, limit: 1, sealingKey: [1, 2, 3, 4, 5], identity: "")
        }
        expectError(.invalidArgument, "must be positive") { try BlockStore(directory: fixture.directory, limit: 0, identity: "") }
    }

    @Test("an error of whoever takes the pieces is passed on, and the block stays")
    func takeThrows() throws {
        let fixture = try StoreFixture()
        let store = try fixture.store()
        let block = TestBlock(tokens: [1], sizes: [10, 10])
        block.write(to: store)
        store.flush()
        expectError(.cancelled) {
            try store.read(block.key, after: block.parent, tokens: block.tokens, pieceSizes: [10, 10]) { _, _ in
                throw HadalError(.cancelled, "enough")
            }
        }
        #expect(block.isWhole(in: store))
    }

    /// A store that cannot write, and whose thread stops where it says so.
    private func stalledStore(
        _ fixture: StoreFixture
    ) throws -> (store: BlockStore, blocked: DispatchSemaphore, resumed: DispatchSemaphore) {
        let (blocked, resumed) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let store = try fixture.store(
            log: LogSink { _, _ in
                blocked.signal()
                resumed.wait()
            })
        try FileManager.default.removeItem(atPath: fixture.directory)
        try StoreFixture.replace(fixture.directory, with: [])
        return (store, blocked, resumed)
    }

    @Test("the queue takes 64 MiB, or one block")
    func queueBound() throws {
        let fixture = try StoreFixture()
        let (store, blocked, resumed) = try stalledStore(fixture)
        let large = TestBlock(tokens: [0], pieces: [[UInt8](repeating: 1, count: 100 << 20)])
        #expect(store.hasRoom(for: 100 << 20) && large.write(to: store))
        blocked.wait()
        #expect(store.pendingBytes == 100 << 20 && !store.hasRoom(for: 0) && large.isWhole(in: store))
        #expect(!TestBlock(tokens: [1], sizes: [1]).write(to: store))
        resumed.signal()
        store.flush()
        #expect(store.pendingBytes == 0 && store.hasRoom(for: 100 << 20) && large.read(from: store) == nil)
    }

    @Test("of blocks that wait there are at most 64 MiB")
    func queueOfMany() throws {
        let fixture = try StoreFixture()
        let (store, blocked, resumed) = try stalledStore(fixture)
        let piece = [UInt8](repeating: 1, count: 10 << 20)
        let blocks = (0..<7).map { TestBlock(tokens: [$0], pieces: [piece]) }
        #expect(blocks.prefix(6).allSatisfy { store.hasRoom(for: piece.count) && $0.write(to: store) })
        blocked.wait()
        #expect(!store.hasRoom(for: piece.count) && store.hasRoom(for: 4 << 20) && !blocks[6].write(to: store))
        // One that waits already is not counted twice.
        #expect(blocks[5].write(to: store) && store.pendingBytes == 60 << 20)
        resumed.signal()
    }

    @Test("a directory that was removed is made again")
    func removedDirectory() throws {
        let fixture = try StoreFixture()
        let store = try fixture.store()
        let (first, second) = (TestBlock(tokens: [1], sizes: [10]), TestBlock(tokens: [2], sizes: [10]))
        first.write(to: store)
        store.flush()
        try FileManager.default.removeItem(atPath: fixture.directory)
        #expect(first.read(from: store) == nil)
        for block in [first, second] { block.write(to: store) }
        store.flush()
        #expect(fixture.files.count == 3 && first.isWhole(in: store) && second.isWhole(in: store))
    }
}
