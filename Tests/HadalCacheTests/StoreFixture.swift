import Foundation
@testable import HadalCache
import HadalCore
import Synchronization
import TestSupport

/// A cache directory of a test, and blocks to put into it.
final class StoreFixture {
    static let identity = "model f32 1"
    static let sealingKey = (0..<32).map { UInt8($0 * 7) }

    let directory: String

    init() throws { directory = "\(try Fixtures.temporaryDirectory())/cache" }

    deinit { try? FileManager.default.removeItem(atPath: (directory as NSString).deletingLastPathComponent) }

    func store(limit: Int = 1 << 30, sealed: Bool = false, identity: String = StoreFixture.identity, log: LogSink = .silent) throws
        -> BlockStore
    {
        try BlockStore(directory: directory, limit: limit, sealingKey: sealed ? Self.sealingKey : nil, identity: identity, log: log)
    }

    /// The paths of all files below the directory, sorted.
    var files: [String] {
        let found = FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String } ?? []
        return found.map { "\(directory)/\($0)" }.filter { WholeFile.exists($0) }.sorted()
    }

    var blockFiles: [String] { files.filter { CacheFileName(($0 as NSString).lastPathComponent)?.isBlock ?? false } }

    func path(of block: TestBlock, identity: String = StoreFixture.identity, sealed: Bool = false) -> String {
        let keys = SealingKeys(sealed ? Self.sealingKey : nil)
        return CacheFolder(in: directory, identity: identity).path(keys.fileName(of: block.key))
    }

    func holds(_ block: TestBlock) -> Bool { WholeFile.exists(path(of: block)) }

    /// Bytes of all blocks' files.
    var blockBytes: Int { blockFiles.reduce(0) { $0 + (FileStatus($1)?.bytes ?? 0) } }

    static func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

    static func replace(_ path: String, with bytes: [UInt8]) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }
}

/// A block of a test.
struct TestBlock: Sendable {
    var parent: BlockKey
    var key: BlockKey
    var tokens: [Int32]
    var pieces: [[UInt8]]

    init(after parent: BlockKey = BlockKey(identity: StoreFixture.identity, salt: []), tokens: [Int32], pieces: [[UInt8]]) {
        (self.parent, self.tokens, self.pieces) = (parent, tokens, pieces)
        key = tokens.withUnsafeBufferPointer { BlockKey(after: parent, tokens: $0) }
    }

    /// With pieces of these sizes, of random bytes.
    init(after parent: BlockKey = BlockKey(identity: StoreFixture.identity, salt: []), tokens: [Int32], sizes: [Int]) {
        var generator = SeededGenerator(seed: UInt64(truncatingIfNeeded: tokens.hashValue))
        self.init(
            after: parent, tokens: tokens,
            pieces: sizes.map { size in (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) } })
    }

    static func chain(_ count: Int, first: Int32 = 0, sizes: [Int] = [1000, 24]) -> [TestBlock] {
        var blocks: [TestBlock] = []
        for index in 0..<Int32(count) {
            let parent = blocks.last?.key ?? BlockKey(identity: StoreFixture.identity, salt: [])
            blocks.append(TestBlock(after: parent, tokens: [first, index, index + 1], sizes: sizes))
        }
        return blocks
    }

    @discardableResult
    func write(to store: BlockStore) -> Bool { store.write(key, after: parent, tokens: tokens, pieces: pieces) }

    /// The pieces that a store gives; nil for a miss.
    func read(from store: BlockStore) -> [[UInt8]]? {
        var found: [[UInt8]] = []
        let isHit = store.read(key, after: parent, tokens: tokens, pieceSizes: pieces.map(\.count)) { index, bytes in
            if index == found.count { found.append(Array(bytes)) }
        }
        return isHit ? found : nil
    }

    func isWhole(in store: BlockStore) -> Bool { read(from: store) == pieces }
}

/// The lines that something logged.
final class LogLines: Sendable {
    private let lines = Mutex<[(LogSink.Level, String)]>([])
    var sink: LogSink { LogSink { level, text in self.lines.withLock { $0.append((level, text)) } } }
    var warnings: [String] { lines.withLock { $0.filter { $0.0 == .warning }.map(\.1) } }
}
