import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalCache

@Suite("A disk that fails", .enabled(if: TinyDisk.isPossible, "needs the right to mount a small file system"))
struct DiskFailureTests {
    @Test("a full disk costs the cache, and is said once", arguments: [false, true])
    func full(sealed: Bool) throws {
        let fixture = try StoreFixture()
        let disk = try TinyDisk(on: fixture.directory)
        defer { disk.unmount() }
        let log = LogLines()
        let store = try fixture.store(sealed: sealed, log: log.sink)
        let blocks = (0..<10).map { TestBlock(tokens: [$0], sizes: [60_000, 40_000]) }
        for block in blocks { block.write(to: store) }
        store.flush()
        let held = blocks.filter { $0.isWhole(in: store) }
        #expect((1...2).contains(held.count) && fixture.blockFiles.count == held.count)
        #expect(log.warnings.count == 1 && log.warnings[0].contains("No space left on device"), "\(log.warnings)")
        // Nothing half written is left, and what comes later is dropped in silence.
        #expect(!fixture.files.contains { $0.hasSuffix(".part") })
        for block in blocks { block.write(to: store) }
        store.flush()
        #expect(log.warnings.count == 1 && store.pendingBytes == 0)
    }

    @Test("a disk that has become read-only costs the cache, and is said once")
    func readOnly() throws {
        let fixture = try StoreFixture()
        let disk = try TinyDisk(on: fixture.directory)
        defer { disk.unmount() }
        let log = LogLines()
        let store = try fixture.store(log: log.sink)
        let blocks = (0..<3).map { TestBlock(tokens: [$0], sizes: [100]) }
        for block in blocks.prefix(2) { block.write(to: store) }
        store.flush()
        let path = fixture.path(of: blocks[1])
        var bytes = try StoreFixture.bytes(path)
        bytes[bytes.count - 1] ^= 1
        try StoreFixture.replace(path, with: bytes)
        try #require(disk.setReadOnly(true))
        blocks[2].write(to: store)
        store.flush()
        #expect(blocks[0].isWhole(in: store) && blocks[1].read(from: store) == nil && blocks[2].read(from: store) == nil)
        #expect(log.warnings.count == 1 && log.warnings[0].contains("Read-only file system"), "\(log.warnings)")
        // One that opens now reads what is there.
        let late = try fixture.store(log: log.sink)
        #expect(blocks[0].isWhole(in: late) && blocks[1].read(from: late) == nil)
        // And one of another model has nowhere to write.
        expectError(.io, "Read-only file system") { try fixture.store(identity: "other") }
        #expect(try CacheDirectory(fixture.directory).verify().bad == [.init(path: path, isRemoved: false)])
        expectError(.io, "cannot remove") { try CacheDirectory(fixture.directory).clear() }
        try #require(disk.setReadOnly(false))
    }
}
