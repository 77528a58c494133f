import Foundation
import HadalArchitecture
import HadalBackend
import HadalCore
import HadalGraph
import HadalSynthesis
import TestSupport
import Testing

@testable import HadalEngine

/// What speculative decoding rests on: a step of several tokens gives each of them the bits it would get in a step of its own.
@Suite("Steps of several tokens")
struct StableStepsTests {
    /// Steps of 2 to 8 tokens against as many single steps, over the ends of pages and of windows.
    private func check(_ engine: Engine, _ what: String, seed: UInt64 = 5) throws {
        var random = SeededGenerator(seed: seed)
        let upper = Int32(engine.vocabularySize), most = BackendCapabilities.stableTokens
        func tokens(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32.random(in: 0..<upper, using: &random) } }
        for start in [1, 20, 57] where start + most + 2 <= engine.contextLength {
            let session = engine.makeSession()
            try session.append(tokens(start))
            for count in [2, 3, 5, most] {
                let next = tokens(count), after = tokens(1)
                let (together, alone) = (session.fork(), session.fork())
                var rows: [UInt32] = []
                try next.withUnsafeBufferPointer { next in
                    try together.append(
                        next,
                        eachChunk: { _, count in
                            rows = UnsafeBufferPointer(start: engine.runner.logits, count: count * engine.vocabularySize).map(\.bitPattern)
                        })
                }
                var wanted: [UInt32] = []
                for token in next {
                    try alone.append([token])
                    wanted += alone.logits.map(\.bitPattern)
                }
                #expect(rows == wanted, "\(what): \(count) tokens after \(start)")
                // The state is the same too.
                try together.append(after)
                try alone.append(after)
                #expect(
                    together.logits.map(\.bitPattern) == alone.logits.map(\.bitPattern), "\(what): after \(count) tokens after \(start)")
            }
        }
    }

    private static func options(_ backend: String, _ settings: [String: String] = [:]) -> EngineOptions {
        var options = Golden.options(backend)
        options.settings = settings
        options.contextLength = 80
        options.cacheTokens = 1024
        return options
    }

    private static let instructionSets = ["baseline", "avx2", "avx512", "avx512vnni", "dotprod"]

    /// Every weight type, with every instruction set that this machine has.
    @Test(arguments: [
        DType.f32, .f16, .bf16, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_nl, .iq4_xs, .mxfp4,
    ])
    func weightTypes(_ type: DType) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let models = [
            (
                "llama",
                """
                {"hidden_size": 256, "num_hidden_layers": 2, "num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 288,
                 "vocab_size": 300, "max_position_embeddings": 256, "tie_word_embeddings": true}
                """
            ),
            (
                "deepseek_v2",
                """
                {"hidden_size": 256, "num_hidden_layers": 2, "num_attention_heads": 3, "q_lora_rank": null, "kv_lora_rank": 64,
                 "qk_rope_head_dim": 16, "qk_nope_head_dim": 24, "v_head_dim": 20, "intermediate_size": 256, "moe_intermediate_size": 256,
                 "n_routed_experts": 7, "n_shared_experts": 1, "num_experts_per_tok": 3, "first_k_dense_replace": 1, "vocab_size": 300,
                 "max_position_embeddings": 256, "tie_word_embeddings": false}
                """
            ),
        ]
        for (architecture, config) in models {
            let path = "\(folder)/\(architecture).gguf"
            try SyntheticModel(
                architecture: architecture, configuration: try JSONDocument(parsing: config, file: "config.json"), type: type,
                library: ArchitectureLibrary(), catalogue: OpCatalogue.load()
            ).write(to: path, seed: 3)
            for isa in Self.instructionSets {
                let engine: Engine
                do {
                    engine = try Engine(path: path, options: Self.options("cpu", ["cpu.isa": isa]))
                } catch let error as HadalError where error.code == .unsupported && error.message.contains(isa) {
                    continue
                }
                try check(engine, "\(architecture) \(type.name) \(isa)")
            }
            guard [.bf16, .q4_1].contains(type) else { continue }
            try check(
                try Engine(path: path, options: Self.options("cpu", ["cpu.activations": "15bit", "cpu.threads": "3"])),
                "\(architecture) \(type.name) 15bit")
            try check(try Engine(path: path, options: Self.options("reference")), "\(architecture) \(type.name) reference")
        }
    }

    /// Every kind of attention, window, cache and mixture that a golden has.
    @Test(arguments: Golden.cases)
    func families(_ path: String, _ backend: String) throws {
        try check(try Engine(path: path, options: Self.options(backend)), "\(path) \(backend)")
        guard backend == "cpu" else { return }
        for type in [DType.f16, .q8_0] {
            var options = Self.options(backend)
            options.cacheDType = type
            try check(try Engine(path: path, options: options), "\(path) \(backend) \(type.name) cache")
        }
    }

    @Test(
        "latent attention, whichever form is asked for", .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"),
        arguments: ["absorbed", "expanded"])
    func latentForms(_ form: String) throws {
        let path = "\(Fixtures.goldens ?? "")/models/deepseek_v3"
        try check(try Engine(path: path, options: Self.options("cpu", ["cpu.latent": form])), form)
    }
}
