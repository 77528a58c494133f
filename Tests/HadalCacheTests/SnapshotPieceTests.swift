import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalCache

@Suite("Snapshots on the disk")
struct SnapshotPieceTests {
    private let block = TestBlock(tokens: [11, 12], pieces: [[1, 2, 3, 4, 5], [], [6, 7, 8]])
    private let snapshot: [UInt8] = [9, 10, 11, 12]

    private func write(_ snapshot: [UInt8]?, to store: BlockStore) {
        store.write(block.key, after: block.parent, tokens: block.tokens, pieces: block.pieces, snapshot: snapshot)
    }

    /// The pieces that a store gives, the snapshot last; nil for a miss.
    private func read(snapshotSize: Int? = 4, from store: BlockStore) -> [[UInt8]]? {
        var found: [[UInt8]] = []
        let isHit = store.read(
            block.key, after: block.parent, tokens: block.tokens, pieceSizes: [5, 0, 3], snapshotSize: snapshotSize
        ) { index, bytes in if index == found.count { found.append(Array(bytes)) } }
        return isHit ? found : nil
    }

    @Test("a block comes back with its snapshot, or without", arguments: [false, true])
    func roundTrip(sealed: Bool) throws {
        let fixture = try StoreFixture()
        let store = try fixture.store(sealed: sealed)
        #expect(!store.containsSnapshot(of: block.key))
        write(snapshot, to: store)
        // While it waits to be written, when it lies on the disk, and in another store.
        for store in [store, try fixture.store(sealed: sealed)] {
            #expect(store.containsSnapshot(of: block.key) && store.contains(block.key))
            #expect(read(from: store) == block.pieces + [snapshot] && block.isWhole(in: store))
            store.flush()
            #expect(read(from: store) == block.pieces + [snapshot] && block.isWhole(in: store))
        }
        #expect(fixture.blockFiles.count == 1)
    }

    @Test("a block without a snapshot is none with one, and stays", arguments: [false, true])
    func withoutSnapshot(flushes: Bool) throws {
        let fixture = try StoreFixture()
        let store = try fixture.store()
        write(nil, to: store)
        if flushes { store.flush() }
        #expect(!store.containsSnapshot(of: block.key) && read(from: store) == nil && store.contains(block.key))
        #expect(block.isWhole(in: store))
    }

    @Test("a block that is there gets the snapshot that it lacks, and does not lose it", arguments: [false, true])
    func added(flushes: Bool) throws {
        let fixture = try StoreFixture()
        let store = try fixture.store()
        for snapshot in [nil, snapshot, nil, [1, 2, 3, 4]] {
            write(snapshot, to: store)
            if flushes { store.flush() }
        }
        #expect(read(from: store) == block.pieces + [snapshot])
        store.flush()
        #expect(store.pendingBytes == 0 && fixture.blockFiles.count == 1 && read(from: store) == block.pieces + [snapshot])
    }

    @Test("a file that is written again counts once for the limit")
    func limit() {
        var limit = CacheLimit(directory: "/nowhere", bytes: 64_000, total: 63_000)
        limit.add(600, replacing: 500)
        #expect(limit.hasRoom(for: 400) && !limit.hasRoom(for: 401))
    }

    @Test("with any bit flipped or of any other length it is a miss and is removed", arguments: [false, true])
    func damage(sealed: Bool) throws {
        let fixture = try StoreFixture()
        let store = try fixture.store(sealed: sealed)
        write(snapshot, to: store)
        store.flush()
        let path = try #require(fixture.blockFiles.first)
        let whole = try StoreFixture.bytes(path)
        let flipped = (0..<whole.count * 8).map { bit in
            var bytes = whole
            bytes[bit / 8] ^= 1 << (bit % 8)
            return bytes
        }
        for bytes in flipped + (0..<whole.count).map({ Array(whole[..<$0]) }) + [whole + [0]] {
            try StoreFixture.replace(path, with: bytes)
            #expect(read(from: store) == nil && !WholeFile.exists(path))
        }
        // A file that says falsely that it has no snapshot.
        var bytes = whole
        bytes[8] = 1
        try StoreFixture.replace(path, with: bytes)
        #expect(read(from: store) == nil && !block.isWhole(in: store) && !WholeFile.exists(path))
        try StoreFixture.replace(path, with: whole)
        #expect(read(snapshotSize: 5, from: store) == nil && !WholeFile.exists(path))
    }

    @Test("a list and a verification count them, and find a damaged one")
    func counted() throws {
        let fixture = try StoreFixture()
        let store = try fixture.store()
        write(snapshot, to: store)
        for block in TestBlock.chain(2) { block.write(to: store) }
        store.flush()
        let directory = try CacheDirectory(fixture.directory)
        #expect(directory.list().map(\.snapshots) == [1] && directory.list().map(\.blocks) == [3])
        let result = try directory.verify()
        #expect(result.snapshots == 1 && result.verified == 3 && result.bad.isEmpty)
        let path = fixture.path(of: block)
        var bytes = try StoreFixture.bytes(path)
        bytes[bytes.count - 17] ^= 1
        try StoreFixture.replace(path, with: bytes)
        // The other pieces are as they were.
        #expect(block.isWhole(in: store))
        #expect(try directory.verify().bad == [.init(path: path, isRemoved: true)])
    }

    /// Files of version 1, as they were written before there were snapshots.
    private static let earlierFiles = [
        false:
            "aGFkYWxibGsBAAAAAAAAAGFwJJHj8MEIERA9EsaqNFAgymXp0MhRD3Q17i3W+CThAgAAAAMAAAAIAQAAAAAAAPOrnP1w91gWl3yomuXDqIZ7Yg5/rk4pHd2zfHZm"
            + "qQd70tFugbqeM+o2X1C1+WQcXr9xxFxRCKQhiCVKkAJxAgqIiuqnxeSSrUoFrpfUfWwoZxq2UGAXeqmNLPYZNLljFAsAAAAMAAAABQAAAAAAAAAAAAAAAAAAAAMA"
            + "AAAAAAAAZ9+Cvevlsry6pZu0IGLDgAECAwQFtStBdzk6qjjXCFM7goqArPnYfUFQB3Wy8NXWcJ1Ic78GBwipJpvaHRtWcgdICB5vB2jr",
        true: "aGFkYWxibGsBAAAAAQAAAIGWW6Oh+OlCdnJqj0J9gktlfUEuWky+lpSUoxewdW9mAgAAAAMAAAAIAQAAAAAAAPbVfu3WbF3xFUukKTDr9LH12b/VqwtIxN7TMmYt"
            + "xRVX9nX5zz/FzEGYddlw8RTVIAmh9DhH2nekbFMNh4+2aD0U642/4xeAxD6uxkr4WjMXmumWMlyQWNFqgVaQEMjyDjFQdJGwPDNAVrbju5jYXHAr32n4SeeYNWKE"
            + "N3kRQzWi4nFNwZ4RQONtoejXdMsI4o3cm2gTwL8pNa4SjjmSPBA9IDaV9gvAXhkXNaIXpKRRbrSvyII51T5WcAoVMfJv4G1pp5a5fmfb",
    ]

    @Test("files from before there were snapshots are read, and written as they were", arguments: [false, true])
    func earlierFile(sealed: Bool) throws {
        let fixture = try StoreFixture()
        let store = try fixture.store(sealed: sealed)
        let bytes = try #require(Self.earlierFiles[sealed].flatMap { Data(base64Encoded: $0) }.map { Array($0) })
        let path = fixture.path(of: block, sealed: sealed)
        try StoreFixture.replace(path, with: bytes)
        #expect(store.contains(block.key) && !store.containsSnapshot(of: block.key))
        #expect(read(from: store) == nil && block.isWhole(in: store))
        #expect(try CacheDirectory(fixture.directory).verify().bad.isEmpty)
        try FileManager.default.removeItem(atPath: path)
        #expect(block.read(from: store) == nil)
        block.write(to: store)
        store.flush()
        let written = try StoreFixture.bytes(path)
        // But for the salt and what depends on it.
        #expect(written.count == bytes.count && written[..<16] == bytes[..<16] && written[48..<64] == bytes[48..<64])
    }
}
