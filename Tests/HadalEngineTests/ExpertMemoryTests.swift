import Foundation
import HadalArchitecture
import HadalBackend
import HadalCore
@testable import HadalEngine
import HadalFormats
import HadalGraph
import TestSupport
import Testing

/// Models that keep only some experts in memory.
@Suite("Expert memory", .serialized)
struct ExpertMemoryTests {
    static let families = ["deepseek_v2_lite", "deepseek_v2", "deepseek_v3", "deepseek_v3_fp8", "mixtral", "qwen3_moe", "olmoe", "gpt_oss"]

    private static func options(threads: Int, limit: Int?) -> EngineOptions {
        var options = Golden.options("cpu")
        options.settings = ["cpu.threads": "\(threads)"]
        options.expertMemory = limit
        return options
    }

    /// The bits of the logits after a prompt in chunks, and after each of some tokens.
    private func bits(_ path: String, _ options: EngineOptions, _ ids: [Int32]) throws -> (bits: [UInt32], statistics: ExpertStatistics?) {
        var options = options
        options.batchTokens = 9
        let engine = try Engine(path: path, options: options)
        let session = engine.makeSession()
        var bits: [UInt32] = []
        try session.append(ids)
        bits += session.logits.map(\.bitPattern)
        for id in ids.prefix(6) {
            try session.append([id])
            bits += session.logits.map(\.bitPattern)
        }
        return (bits, engine.expertStatistics)
    }

    @Test(
        "logits have the same bits whatever the limit", .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"),
        arguments: families, [1, 2])
    func goldens(_ family: String, _ threads: Int) throws {
        let path = "\(Fixtures.goldens ?? "")/models/\(family)"
        let ids = try Golden(path: path).ids("input_ids")
        let resident = try bits(path, Self.options(threads: threads, limit: nil), ids)
        #expect(resident.statistics == nil)
        let planned = try #require(try LoadPlan(path: path, options: Self.options(threads: threads, limit: nil)).experts)
        guard planned.layers > 0 else {
            // Stored transposed: nothing to stream, and nothing that changes.
            let asked = try bits(path, Self.options(threads: threads, limit: 1 << 20), ids)
            #expect(family == "gpt_oss" && asked.bits == resident.bits && asked.statistics == nil)
            return
        }
        for limit in [planned.minimumLimit, planned.totalBytes / 2, planned.totalBytes] {
            let streamed = try bits(path, Self.options(threads: threads, limit: max(limit, planned.minimumLimit)), ids)
            #expect(streamed.bits == resident.bits, "\(family), \(limit) bytes")
            let statistics = try #require(streamed.statistics)
            #expect(statistics.heldBytes <= max(limit, planned.minimumLimit) && statistics.totalBytes == planned.totalBytes)
            if limit == planned.totalBytes { #expect(statistics.reads <= planned.experts) }
        }
    }

    @Test("the prediction layer streams too", .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"))
    func prediction() throws {
        let path = "\(Fixtures.goldens ?? "")/models/deepseek_v3"
        let ids = try Golden(path: path).ids("input_ids")
        var results: [[NamedTensor]] = []
        for limit in [nil, 1 << 16] {
            var options = Golden.options("cpu", observe: .hidden)
            options.predictsNext = true
            options.expertMemory = limit
            results.append(try Engine(path: path, options: options).evaluate(ids))
        }
        #expect(results[0].map(\.name) == results[1].map(\.name) && results[0].contains { $0.name == "mtp_logits" })
        for (a, b) in zip(results[0], results[1]) { #expect(a.values.map(\.bitPattern) == b.values.map(\.bitPattern), "\(a.name)") }
    }

    /// A mixture written as GGUF: its experts are stacks of matrices in one tensor.
    private func ggufMixture(_ folder: String, _ type: DType) throws -> String {
        let configuration = """
            {"model_type": "mixtral", "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 3, "num_attention_heads": 4,
             "num_key_value_heads": 2, "num_local_experts": 7, "num_experts_per_tok": 2, "vocab_size": 320, "max_position_embeddings": 256,
             "rms_norm_eps": 1e-5, "rope_theta": 10000}
            """
        let config = "\(folder)/config.json", path = "\(folder)/model.gguf"
        try configuration.write(toFile: config, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "\(Fixtures.products)/hadal")
        process.arguments = ["synth", "mixtral", "--config", config, "--type", type.name, "-o", path]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return path
    }

    @Test("GGUF experts have the same bits whatever the limit", arguments: [DType.f16, .q4_K, .q6_K, .iq4_nl])
    func gguf(_ type: DType) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = try ggufMixture(folder, type)
        let ids = (0..<21).map { Int32($0 * 13 % 300 + 10) }
        let resident = try bits(path, Self.options(threads: 2, limit: nil), ids)
        let planned = try LoadPlan(path: path, options: Self.options(threads: 2, limit: 1 << 30))
        let experts = try #require(planned.experts)
        #expect(experts.layers == 3 && experts.experts == 21 && planned.obstacle == nil)
        #expect((planned.measureExpertReads() ?? 0) > 0)
        // Three layers, two experts a token.
        #expect(experts.worstBytesPerToken == 3 * 2 * experts.storedExpertBytes)
        #expect(
            experts.fitting(experts.minimumLimit) == 2 && experts.share(experts.totalBytes) == 1
                && experts.uniformBytesPerToken(experts.totalBytes) == 0)
        for limit in [experts.minimumLimit, 3 * experts.minimumLimit, experts.totalBytes] {
            let streamed = try bits(path, Self.options(threads: 2, limit: limit), ids)
            #expect(streamed.bits == resident.bits, "\(type), \(limit) bytes")
            #expect(streamed.statistics?.totalBytes == experts.totalBytes)
        }
    }

    @Test("errors come before the first token")
    func errors() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = try ggufMixture(folder, .q8_0)
        let experts = try #require(try LoadPlan(path: path, options: Self.options(threads: 1, limit: nil)).experts)
        func failure(_ path: String, _ options: EngineOptions) -> HadalError? {
            do {
                _ = try Engine(path: path, options: options)
                return nil
            } catch { return error as? HadalError }
        }
        // Less than two experts: the least is named, and the plan says so too.
        let low = Self.options(threads: 1, limit: experts.minimumLimit - 1)
        let tight = try #require(failure(path, low))
        #expect(tight.code == .limitExceeded && tight.description.contains("\(experts.minimumLimit)"), "\(tight)")
        #expect(try LoadPlan(path: path, options: low).obstacle == tight)
        // A backend that keeps everything in memory.
        var reference = Golden.options("reference")
        reference.expertMemory = 1 << 30
        #expect(failure(path, reference)?.code == .unsupported)
        // A region that the file does not hold.
        let size = try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
        try #require(truncate(path, size - 1000) == 0)
        let short = try #require(failure(path, Self.options(threads: 1, limit: 1 << 30)))
        #expect(short.code == .malformed && short.description.contains("the file ends at byte \(size - 1000)"), "\(short)")
    }

    @Test("a file that shrinks or goes while it is in use")
    func lostFile() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = try ggufMixture(folder, .q4_K)
        let experts = try #require(try LoadPlan(path: path, options: Self.options(threads: 2, limit: nil)).experts)
        let ids: [Int32] = [20, 30, 40, 50, 60]
        let wanted = try bits(path, Self.options(threads: 2, limit: nil), ids).bits
        let engine = try Engine(path: path, options: Self.options(threads: 2, limit: experts.minimumLimit))
        let session = engine.makeSession()
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        try #require(truncate(path, 4096) == 0)
        expectError(.io) { try session.append(ids) }
        #expect(session.count == 0)
        // The same file, whole again: the session goes on. Writing in place, so that the descriptor sees it.
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.write(contentsOf: whole)
        try handle.close()
        // Without its name the file can still be read.
        try FileManager.default.removeItem(atPath: path)
        try session.append(ids)
        #expect(session.logits.map(\.bitPattern) == Array(wanted.prefix(engine.vocabularySize)))
    }

    @Test("a model without experts takes no notice")
    func dense() throws {
        let path = Fixtures.path("models/llama")
        var notes: [String] = []
        let box = Notes()
        var options = Self.options(threads: 1, limit: 1)
        options.log = LogSink { level, message in if level == .warning { box.add(message) } }
        let engine = try Engine(path: path, options: options)
        notes = box.all
        #expect(notes.count == 1 && notes[0].contains("no experts"), "\(notes)")
        #expect(engine.expertStatistics == nil)
        #expect(try LoadPlan(path: path, options: options).experts == nil)
    }

    @Test(
        "experts on a backend that reads them from disk are kept to the limit, whatever runs the rest",
        .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"))
    func besideAnotherBackend() throws {
        let path = "\(Fixtures.goldens ?? "")/models/deepseek_v2_lite"
        let ids = try Golden(path: path).ids("input_ids")
        var options = Self.options(threads: 1, limit: nil)
        options.placement = try PlacementRules(parsing: "experts=cpu,rest=reference")
        let resident = try bits(path, options, ids)
        let planned = try #require(try LoadPlan(path: path, options: options).experts)
        options.expertMemory = planned.minimumLimit
        let streamed = try bits(path, options, ids)
        #expect(streamed.bits == resident.bits)
        let statistics = try #require(streamed.statistics)
        #expect(statistics.reads > 0 && statistics.heldBytes <= planned.minimumLimit && statistics.totalBytes == planned.totalBytes)
        // Those of one layer only.
        options.placement = try PlacementRules(parsing: "experts layers 1=cpu,rest=reference")
        options.expertMemory = nil
        let plain = try bits(path, options, ids)
        options.expertMemory = planned.minimumLimit
        let half = try bits(path, options, ids)
        #expect(half.bits == plain.bits)
        let halfStatistics = try #require(half.statistics)
        #expect(halfStatistics.totalBytes < planned.totalBytes)
        // Where no backend with experts can, it is an error.
        options.placement = try PlacementRules(parsing: "experts=reference,rest=cpu")
        expectError(.unsupported) { try Engine(path: path, options: options) }
    }

    private final class Notes: @unchecked Sendable {
        private let lock = NSLock()
        private var messages: [String] = []
        func add(_ text: String) { lock.withLock { messages.append(text) } }
        var all: [String] { lock.withLock { messages } }
    }
}
