import Foundation
import HadalCore
import Synchronization
import TestSupport
import Testing

@testable import HadalCache

@Suite("A directory that many use")
struct SharingTests {
    @Test("a file that vanished is a miss, and the block can be written again")
    func vanished() throws {
        let fixture = try StoreFixture()
        let (store, block) = (try fixture.store(), TestBlock(tokens: [1], sizes: [10]))
        for _ in 0..<2 {
            block.write(to: store)
            store.flush()
            #expect(block.isWhole(in: store))
            try FileManager.default.removeItem(atPath: fixture.path(of: block))
        }
        block.write(to: store)
        store.flush()
        try FileManager.default.removeItem(atPath: fixture.path(of: block))
        #expect(block.read(from: store) == nil && !store.contains(block.key))
    }

    @Test("many threads and stores, with a limit that removes what others read", arguments: [false, true])
    func threads(sealed: Bool) throws {
        let fixture = try StoreFixture()
        let blocks = (0..<8).flatMap { TestBlock.chain(8, first: $0, sizes: [5000, 300]) }
        let stores = try (0..<2).map { _ in try fixture.store(limit: 5700 * 40, sealed: sealed) }
        let hits = Mutex(0)
        let wrong = Mutex(0)
        let threads = (0..<8).compactMap { number in
            SystemThread(name: "user") {
                var generator = SeededGenerator(seed: UInt64(number))
                for _ in 0..<400 {
                    guard let block = blocks.randomElement(using: &generator), let store = stores.randomElement(using: &generator) else {
                        return
                    }
                    if let found = block.read(from: store) {
                        if found == block.pieces { hits.withLock { $0 += 1 } } else { wrong.withLock { $0 += 1 } }
                    } else {
                        block.write(to: store)
                    }
                }
            }
        }
        for thread in threads { thread.join() }
        for store in stores { store.flush() }
        #expect(threads.count == 8 && wrong.withLock { $0 } == 0 && hits.withLock { $0 } > 100)
        #expect(fixture.blockBytes <= 5700 * 40)
        let directory = try CacheDirectory(fixture.directory)
        #expect(try directory.verify().bad.isEmpty)
        #expect(fixture.files.count == fixture.blockFiles.count + 1)
    }

    @Test("old temporary files go when a store opens, those of writers at work stay")
    func temporaries() throws {
        let fixture = try StoreFixture()
        let block = TestBlock(tokens: [1], sizes: [10])
        _ = try fixture.store()
        let (old, new, foreign) = (
            "\(fixture.path(of: block)).17-abc.part", "\(fixture.path(of: block)).18-abc.part", "\(fixture.directory)/mine.part"
        )
        for path in [old, new, foreign] { try StoreFixture.replace(path, with: [1, 2, 3]) }
        for path in [old, foreign] { FileStatus.set(use: FileStatus.now - 3600 * 1_000_000_000, of: path) }
        _ = try fixture.store()
        #expect(!WholeFile.exists(old) && WholeFile.exists(new) && WholeFile.exists(foreign))
    }

    @Test("a writer that is killed leaves no bad block", arguments: [false, true])
    func killed(sealed: Bool) throws {
        let fixture = try StoreFixture()
        for round in 0..<3 {
            let child = Process()
            child.executableURL = URL(fileURLWithPath: "/proc/self/exe")
            child.arguments = ["--testing-library", "swift-testing", "--filter", "KilledWriter"]
            child.environment = ProcessInfo.processInfo.environment.merging([
                WriterVariable.directory: fixture.directory, WriterVariable.sealed: sealed ? "1" : "0",
                WriterVariable.first: "\(round)",
            ]) { $1 }
            child.standardOutput = FileHandle.nullDevice
            child.standardError = FileHandle.nullDevice
            let before = fixture.blockFiles.count
            try child.run()
            while fixture.blockFiles.count < before + 5, child.isRunning { usleep(1000) }
            kill(child.processIdentifier, SIGKILL)
            child.waitUntilExit()
            #expect(child.terminationReason == .uncaughtSignal && fixture.blockFiles.count >= before + 5)
        }
        let blocks = (0..<3).flatMap { KilledWriter.blocks(first: $0) }.filter { WholeFile.exists(fixture.path(of: $0, sealed: sealed)) }
        let store = try fixture.store(sealed: sealed)
        #expect(blocks.count == fixture.blockFiles.count && blocks.allSatisfy { $0.isWhole(in: store) })
        for path in fixture.files where path.hasSuffix(".part") { FileStatus.set(use: 1, of: path) }
        _ = try fixture.store(sealed: sealed)
        #expect(fixture.files.count == blocks.count + 1)
    }
}

/// What the parent tells a writer that it will kill.
private enum WriterVariable {
    static let directory = "HADAL_TEST_KILLED_WRITER"
    static let sealed = "HADAL_TEST_KILLED_WRITER_SEALED"
    static let first = "HADAL_TEST_KILLED_WRITER_FIRST"

    static func value(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }
}

/// What another process runs until it is killed.
@Suite("A writer to be killed", .enabled(if: WriterVariable.value(WriterVariable.directory) != nil, "runs in a process of its own"))
struct KilledWriter {
    static func blocks(first: Int) -> [TestBlock] {
        let pieces = [[UInt8](repeating: UInt8(first), count: 4 << 20), [1, 2, 3]]
        return (0..<200).map { TestBlock(tokens: [Int32(first), $0], pieces: pieces) }
    }

    @Test func write() throws {
        let store = try BlockStore(
            directory: WriterVariable.value(WriterVariable.directory) ?? "", limit: 4 << 30,
            sealingKey: WriterVariable.value(WriterVariable.sealed) == "1" ? StoreFixture.sealingKey : nil, identity: StoreFixture.identity)
        for block in Self.blocks(first: Int(WriterVariable.value(WriterVariable.first) ?? "") ?? 0) {
            while !store.hasRoom(for: 5 << 20) { usleep(1000) }
            block.write(to: store)
        }
        store.flush()
        sleep(60)
    }
}
