import Foundation
import HadalArchitecture
import HadalCore
import TestSupport
import Testing

@testable import HadalEngine

/// Blocks of state that outlive the engine.
@Suite("Disk tier")
struct DiskTierTests {
    private static func engine(
        _ directory: String, _ path: String = Golden.families[0], backend: String = "cpu", cacheType: DType = .f32,
        sealingKey: [UInt8]? = nil
    ) throws -> Engine {
        var options = Golden.options(backend)
        options.contextLength = 600
        options.cacheTokens = 1200
        options.cacheDType = cacheType
        (options.cacheDirectory, options.sealingKey) = (directory, sealingKey)
        return try Engine(path: path, options: options)
    }

    private static func ids(_ count: Int, seed: UInt64) -> [Int32] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in Int32.random(in: 0..<200, using: &random) }
    }

    private static func request(_ ids: [Int32], salt: String = "", isKeptOnDisk: Bool = true) -> GenerationRequest {
        let options = GenerationOptions(sampling: .greedy, maxTokens: 20, ignoreEndOfText: true, logProbabilities: 3)
        return GenerationRequest(.tokens(ids), options: options, salt: salt, isKeptOnDisk: isKeptOnDisk)
    }

    private static func result(_ engine: Engine, _ request: GenerationRequest) async throws -> (ScheduledOutcome, reply: ChatReply) {
        let generation = try Scheduler(engine).submit(request)[0]
        let outcome = try await ScheduledOutcome(generation)
        return (outcome, try #require(generation.choice.reply))
    }

    private func inDirectory(_ body: (String) async throws -> Void) async throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body("\(folder)/cache")
    }

    private static func files(_ directory: String) -> [String] {
        let all = FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String } ?? []
        return all.map { "\(directory)/\($0)" }.filter {
            var isDirectory: ObjCBool = false
            return FileManager.default.fileExists(atPath: $0, isDirectory: &isDirectory) && !isDirectory.boolValue
        }
    }

    @Test("a prompt comes back with its bits in another engine", arguments: Golden.families, [DType.f16])
    func restart(_ path: String, _ type: DType) async throws {
        try await inDirectory { directory in
            let ids = Self.ids(300, seed: 1)
            let first = try Self.engine(directory, path, cacheType: type)
            // Some families have a table of positions, beyond which there is nothing.
            guard first.plan.description.graph.contextLength >= 400 else { return }
            let wanted = try await Self.result(first, Self.request(ids))
            #expect(wanted.reply.promptTokens == 300)
            first.saveCache()
            // The first engine is still there, as after a kill.
            let second = try Self.engine(directory, path, cacheType: type)
            let found = try await Self.result(second, Self.request(ids))
            #expect(found.0 == wanted.0 && found.reply.promptTokens <= 44 + second.pageTokens, "\(path) \(type.name)")
            let longer = try await Self.result(second, Self.request(ids + wanted.0.tokens + [7, 8, 9]))
            #expect(longer.reply.promptTokens <= 23 + second.pageTokens)
        }
    }

    @Test("what was read is told, and a session finds it as a request does")
    func progress() async throws {
        try await inDirectory { directory in
            let ids = Self.ids(500, seed: 2)
            let first = try Self.engine(directory)
            _ = try await Self.result(first, Self.request(ids))
            first.saveCache()
            let second = try Self.engine(directory)
            let run = try GenerationRun(
                second.makeSession(), from: .text(ids), options: GenerationOptions(sampling: .greedy, maxTokens: 2, ignoreEndOfText: true))
            var told: [[Int]] = []
            try run.drive { event in
                if case .restored(let done, let all) = event { told.append([done, all]) }
                return .continue
            }
            #expect(told.last == [448, 448] && run.reply.reusedTokens == 448)
        }
    }

    @Test("another model, cache type, backend or salt finds nothing, nor does anybody what was not to be kept")
    func others() async throws {
        try await inDirectory { directory in
            let ids = Self.ids(200, seed: 3)
            let engine = try Self.engine(directory)
            _ = try await Self.result(engine, Self.request(ids))
            _ = try await Self.result(engine, Self.request(Self.ids(200, seed: 4), isKeptOnDisk: false))
            engine.saveCache()
            let blocks = Self.files(directory).filter { $0.hasSuffix(".block") }.count
            func reused(_ engine: Engine, _ ids: [Int32], salt: String = "") async throws -> Int {
                try await Self.result(engine, Self.request(ids, salt: salt)).reply.reusedTokens
            }
            #expect(blocks == 3)
            #expect(try await reused(try Self.engine(directory), Self.ids(200, seed: 4)) == 0)
            #expect(try await reused(try Self.engine(directory, cacheType: .f16), ids) == 0)
            #expect(try await reused(try Self.engine(directory, backend: "reference"), ids) == 0)
            #expect(try await reused(try Self.engine(directory, Golden.families[2]), ids) == 0)
            #expect(try await reused(try Self.engine(directory), ids, salt: "other") == 0)
            #expect(try await reused(try Self.engine(directory), ids) == 128)
        }
    }

    @Test("with one bit flipped nothing is found, and the result is what it was")
    func damage() async throws {
        try await inDirectory { directory in
            let ids = Self.ids(200, seed: 5)
            let engine = try Self.engine(directory)
            let wanted = try await Self.result(engine, Self.request(ids)).0
            engine.saveCache()
            for file in Self.files(directory).filter({ $0.hasSuffix(".block") }) {
                var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
                bytes[bytes.count / 2] ^= 4
                try Data(bytes).write(to: URL(fileURLWithPath: file))
            }
            let found = try await Self.result(try Self.engine(directory), Self.request(ids))
            #expect(found.0 == wanted && found.reply.reusedTokens == 0)
        }
    }

    @Test("blocks are sealed with a key, and a directory that cannot be one is an error")
    func sealing() async throws {
        try await inDirectory { directory in
            let ids = Self.ids(200, seed: 6), key = [UInt8](repeating: 7, count: 32)
            let engine = try Self.engine(directory, sealingKey: key)
            _ = try await Self.result(engine, Self.request(ids))
            engine.saveCache()
            #expect(try await Self.result(try Self.engine(directory), Self.request(ids)).reply.reusedTokens == 0)
            let same = try Self.engine(directory, sealingKey: key)
            #expect(try await Self.result(same, Self.request(ids)).reply.reusedTokens == 128)
            let file = try #require(Self.files(directory).first)
            expectError(.io) { try Self.engine(file) }
        }
    }
}
