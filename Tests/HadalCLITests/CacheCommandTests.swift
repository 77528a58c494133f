import Foundation
import HadalCache
import HadalCore
import TestSupport
import Testing

@Suite("hadal cache")
struct CacheCommandTests {
    private let tokens: [Int32] = [70_001, 70_002, 70_003]

    /// A directory with two blocks of a model, one of them sealed and one with a snapshot, and a file of somebody else.
    private func fill(_ directory: String) throws {
        let model = CachedModel(name: "river.gguf", architecture: "llama", cacheType: "f16")
        let parent = BlockKey(identity: "river", salt: [])
        let key = tokens.withUnsafeBufferPointer { BlockKey(after: parent, tokens: $0) }
        for sealingKey in [nil, [UInt8](repeating: 3, count: 32)] {
            let store = try BlockStore(directory: directory, limit: 1 << 30, sealingKey: sealingKey, identity: "river", model: model)
            store.write(
                key, after: parent, tokens: tokens, pieces: [[UInt8](repeating: 1, count: 2000)], snapshot: sealingKey == nil ? [1] : nil)
            store.flush()
        }
        try Data("mine".utf8).write(to: URL(fileURLWithPath: "\(directory)/notes.txt"))
    }

    private func json(_ run: CommandRun) throws -> JSON { try JSONDocument(parsing: run.out, file: "stdout").root }

    @Test("lists, verifies and clears a directory")
    func commands() throws {
        let parent = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: parent) }
        let directory = "\(parent)/cache"
        try fill(directory)
        func run(_ command: String, _ more: String...) throws -> CommandRun {
            try CommandRun(["cache", command, "--cache-dir", directory] + more)
        }

        let list = try run("list", "--json")
        #expect(list.status == 0 && !list.out.contains("7000"), "\(list.error)")
        let models = try json(list)["models"]?.array ?? []
        let model = try #require(models.first)
        #expect(models.count == 1 && model["model"]?.string == "river.gguf" && model["architecture"]?.string == "llama")
        #expect(model["cache_type"]?.string == "f16" && model["blocks"]?.int == 2 && model["sealed_blocks"]?.int == 1)
        #expect(model["snapshots"]?.int == 1)
        #expect((model["bytes"]?.int ?? 0) > 4000 && model["oldest_use"]?.string?.hasSuffix("Z") == true)
        let text = try run("list").out
        for part in ["river.gguf", "llama", "f16", "2 blocks, 1 sealed, 1 with a snapshot", "KiB"] {
            #expect(text.contains(part), "\(text)")
        }

        let good = try run("verify", "--json")
        let verified = try json(good)
        #expect(good.status == 0 && verified["verified"]?.int == 1 && verified["length_only"]?.int == 1)
        #expect(verified["snapshots"]?.int == 1)
        #expect(try run("verify").out.contains("1 verified, 1 sealed of which only the length was checked, 0 damaged, 1 with a snapshot"))
        let names = FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String } ?? []
        let file = URL(fileURLWithPath: "\(directory)/\(try #require(names.first { $0.hasSuffix(".block") }))")
        var bytes = try Data(contentsOf: file)
        bytes[1000] ^= 4
        try bytes.write(to: file)
        let bad = try run("verify")
        #expect(bad.status == 1 && bad.out.contains("damaged, removed: ") && bad.out.contains("1 damaged"), "\(bad.out)")
        #expect(!FileManager.default.fileExists(atPath: file.path))

        let cleared = try run("clear", "--json")
        let removed = try json(cleared)
        #expect(cleared.status == 0 && removed["blocks"]?.int == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["notes.txt"])
        #expect(try run("list").out.contains("nothing yet"))
    }

    @Test("a directory must be named, and be there", arguments: ["list", "verify", "clear"])
    func refusals(command: String) throws {
        let unnamed = try CommandRun(["cache", command])
        #expect(unnamed.status == 2 && unnamed.error.contains("--cache-dir DIR is required"), "\(unnamed.error)")
        let missing = try CommandRun(["cache", command, "--cache-dir", "/nowhere/cache"])
        #expect(missing.status == 1 && missing.error.contains("does not exist"), "\(missing.error)")
    }
}
