import Foundation
import HadalArchitecture
import HadalBackend
import HadalCore
@testable import HadalEngine
import HadalGraph
import HadalSynthesis
import TestSupport
import Testing

/// What of a model's file is in memory once it is loaded.
@Suite("Loaded memory", .serialized)
struct LoadedMemoryTests {
    /// Kilobytes of the mappings of a file that are resident.
    private func resident(_ path: String) throws -> Int {
        var sum = 0, isWithin = false
        for line in try String(contentsOfFile: "/proc/self/smaps", encoding: .utf8).split(separator: "\n") {
            let fields = line.split(separator: " ")
            if let first = fields.first, !first.hasSuffix(":") { isWithin = line.hasSuffix(path) }
            if isWithin, fields.first == "Rss:", fields.count > 1 { sum += Int(fields[1]) ?? 0 }
        }
        return sum
    }

    @Test("a quantised model is held once, and as the plan says", arguments: ["llama", "deepseek_v2"])
    func quantised(_ architecture: String) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = "\(folder)/model.gguf"
        let config =
            architecture == "llama"
            ? """
            {"hidden_size": 512, "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 2048,
             "vocab_size": 20000, "max_position_embeddings": 256, "tie_word_embeddings": false}
            """
            : """
            {"hidden_size": 512, "num_hidden_layers": 3, "num_attention_heads": 4, "q_lora_rank": null, "kv_lora_rank": 256,
             "qk_rope_head_dim": 16, "qk_nope_head_dim": 32, "v_head_dim": 32, "intermediate_size": 1024, "moe_intermediate_size": 512,
             "n_routed_experts": 16, "n_shared_experts": 1, "num_experts_per_tok": 3, "first_k_dense_replace": 1, "vocab_size": 4000,
             "max_position_embeddings": 256, "tie_word_embeddings": false}
            """
        try SyntheticModel(
            architecture: architecture, configuration: try JSONDocument(parsing: config, file: "config.json"), type: .q4_1,
            library: ArchitectureLibrary(), catalogue: OpCatalogue.load()
        ).write(to: path, seed: 3)
        let size = try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
        try #require(size > 8 << 20)
        var options = Golden.options("cpu")
        options.settings = ["cpu.threads": "2"]
        let planned = try LoadPlan(path: path, options: options)
        let engine = try Engine(path: path, options: options)
        // The header stays, and what little the host itself puts together.
        #expect(try resident(path) << 10 < size / 16)
        let held = engine.executableInfo.weightBytes
        #expect(Double(held) < 1.1 * Double(size))
        #expect(abs(Double(planned.heldBytes) / Double(held) - 1) < 0.05, "\(planned.heldBytes) bytes were foreseen, \(held) are held")
        try engine.makeSession().append([1, 2, 3])
        #expect(try resident(path) << 10 < size / 16)
        // Read only when it is asked for, and without paging in what is around the bytes that it reads.
        #expect(!engine.fingerprint.isEmpty && engine.fingerprint == engine.fingerprint)
        #expect(try resident(path) << 10 < size / 16)
    }
}
