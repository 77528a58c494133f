import Foundation
import HadalArchitecture
import HadalBackend
import HadalCore
import HadalEngine
import HadalGraph
import HadalSynthesis
import TestSupport
import Testing

/// What a decode step costs in things that can be counted, so that a loss of speed is seen without a clock.
///
/// Tests/Fixtures/models/decode_costs.json has the numbers. Whoever changes them on purpose runs the test with HADAL_WRITE_COUNTS=1.
@Suite struct DecodeCostTests {
    static let file = Fixtures.path("models/decode_costs.json")

    static let shapes: [(name: String, architecture: String, config: String, type: DType)] = [
        ("dense q4_k", "qwen2", dense, .q4_K), ("dense q6_k", "qwen2", dense, .q6_K), ("mixture q4_0", "olmoe", mixture, .q4_0),
    ]
    static let dense = """
        {"model_type": "qwen2", "hidden_size": 256, "num_hidden_layers": 4, "intermediate_size": 768, "num_attention_heads": 4, "num_key_value_heads": 2,
         "vocab_size": 512, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "max_position_embeddings": 256, "tie_word_embeddings": false, "hidden_act": "silu"}
        """
    static let mixture = """
        {"model_type": "olmoe", "hidden_size": 256, "num_hidden_layers": 4, "intermediate_size": 256, "num_attention_heads": 4, "num_key_value_heads": 4,
         "num_experts": 8, "num_experts_per_tok": 2, "norm_topk_prob": false, "vocab_size": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
         "max_position_embeddings": 256, "tie_word_embeddings": false, "hidden_act": "silu"}
        """

    @Test("barriers and bytes of a decode step are as recorded, within 5 %")
    func counts() throws {
        var counted: [(String, JSON)] = []
        for shape in Self.shapes {
            let folder = try Fixtures.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let model = try SyntheticModel(
                architecture: shape.architecture, configuration: JSONDocument(parsing: shape.config, file: "config.json"), type: shape.type,
                library: ArchitectureLibrary(), catalogue: OpCatalogue.load())
            try model.write(to: "\(folder)/m.gguf", seed: 1)
            var options = EngineOptions()
            options.backend = "cpu"
            options.environment.pluginPaths = [Fixtures.products]
            options.contextLength = 128
            options.settings = ["cpu.threads": "2", "cpu.isa": "baseline"]
            let engine = try Engine(path: "\(folder)/m.gguf", options: options)
            let info = engine.executableInfo
            counted.append(
                (
                    shape.name,
                    [
                        "barriers": JSON(.int(Int64(info.barriersPerStep))), "packed_weight_bytes": JSON(.int(Int64(info.weightBytes))),
                        "scratch_bytes": JSON(.int(Int64(info.scratchBytes))),
                    ]
                ))
        }
        if ProcessInfo.processInfo.environment["HADAL_WRITE_COUNTS"] != nil {
            try (JSON(.object(JSONObject(counted))).text() + "\n").write(toFile: Self.file, atomically: true, encoding: .utf8)
        }
        let recorded = try JSONDocument(contentsOf: Self.file).root
        for (name, counts) in counted {
            for key in ["barriers", "packed_weight_bytes", "scratch_bytes"] {
                let (now, then) = (try #require(counts[key]?.int), try #require(recorded[name]?[key]?.int, "\(name): \(key)"))
                #expect(abs(Double(now - then)) <= 0.05 * Double(then), "\(name): \(key) is \(now), was \(then)")
            }
        }
    }

    @Test(
        "without fusion, for kernels that change while a model runs, each op keeps a call of its own",
        .enabled(if: KernelDirectory.compiler != nil, "needs a C compiler"))
    func unfused() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let model = try SyntheticModel(
            architecture: "qwen2", configuration: JSONDocument(parsing: Self.dense, file: "config.json"), type: .q4_K,
            library: ArchitectureLibrary(),
            catalogue: OpCatalogue.load())
        try model.write(to: "\(folder)/m.gguf", seed: 1)
        func barriers(fuses: Bool) throws -> Int {
            var options = EngineOptions()
            options.environment.pluginPaths = [Fixtures.products]
            options.contextLength = 128
            options.settings = ["cpu.threads": "2"]
            options.fusesOps = fuses
            return try Engine(path: "\(folder)/m.gguf", options: options).executableInfo.barriersPerStep
        }
        let fused = try barriers(fuses: true), unfused = try barriers(fuses: false)
        #expect(unfused >= fused + 4 * 3, "\(unfused) and \(fused)")
    }
}
