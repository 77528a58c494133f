import Foundation
import HadalArchitecture
import HadalCore
import HadalFormats
import HadalGraph
import TestSupport
import Testing

@testable import HadalSynthesis

@Suite struct SynthesisTests {
    struct Made {
        var model: SyntheticModel
        var files: ModelFiles
        var graph: ModelGraph
        var bytes: Data
    }

    func plan(_ architecture: String, _ config: String, _ type: DType) throws -> SyntheticModel {
        try SyntheticModel(
            architecture: architecture, configuration: JSONDocument(parsing: config, file: "config.json"), type: type,
            library: ArchitectureLibrary(), catalogue: OpCatalogue.load())
    }

    func make(_ architecture: String, _ config: String, _ type: DType, seed: UInt64 = 1) throws -> Made {
        let model = try plan(architecture, config, type)
        let directory = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = "\(directory)/m.gguf"
        try model.write(to: path, seed: seed)
        let files = try ModelFiles.open(path: path)
        let graph = try ArchitectureLibrary().match(files).build(files, catalogue: OpCatalogue.load())
        return Made(model: model, files: files, graph: graph, bytes: try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    func floats(_ made: Made, _ name: String) throws -> [Float] {
        let tensor = try #require(try made.files.tensor(named: name))
        return made.files.bytes(of: tensor).withMemoryRebound(to: Float.self) { Array($0) }
    }

    @Test func llamaIsReadBackAsItWasAskedFor() throws {
        let made = try make("llama", Configurations.llama, .q4_0)
        #expect(made.model.notes.isEmpty, "\(made.model.notes)")
        #expect(made.graph.architecture == "llama" && made.graph.layerCount == 2 && made.graph.width == 64)
        #expect(made.graph.vocabularySize == 700 && made.graph.contextLength == 256)
        // Tied: no head of its own. llama3 scaling: divisors instead of a type.
        #expect(try made.files.tensor(named: "output.weight") == nil)
        #expect(try made.files.tensor(named: "rope_freqs.weight")?.shape == [12])
        #expect(made.files.metadata("llama.rope.scaling.type") == nil && made.files.metadata("llama.rope.scaling.factor") == nil)
        let q = try #require(try made.files.tensor(named: "blk.1.attn_q.weight"))
        #expect(q.shape == [96, 64] && q.dtype == .q4_0)
        #expect(try made.files.tensor(named: "blk.0.attn_norm.weight")?.dtype == .f32)
        #expect(try made.files.tensor(named: "blk.0.attn_q.bias") == nil)
        #expect(made.graph.warnings.isEmpty)
        #expect(made.files.tensors.count == made.model.tensors.count && made.files.totalBytes == made.model.bytes)
    }

    /// Rates of decay above 0 would have states grow without bounds.
    @Test func weightsLieWithinTheRangesOfContracts() throws {
        let made = try make("mamba2", Configurations.mamba2, .q8_0)
        for layer in 0..<2 {
            let tensor = try #require(try made.files.tensor(named: "blk.\(layer).ssm_a"))
            #expect(tensor.elementCount == 8 && tensor.dtype == .f32)
            let rates = try floats(made, tensor.name)
            #expect(rates.allSatisfy { (-2..<0).contains($0) } && Set(rates).count > 1, "\(rates)")
        }
    }

    @Test func rotaryFrequenciesSurvive() throws {
        let made = try make("llama", Configurations.llama, .f32)
        let planned = PlannedModel(configuration: try JSONDocument(parsing: Configurations.llama, file: "config.json"))
        let asked = try ArchitectureLibrary().match(planned).build(planned, catalogue: OpCatalogue.load())
        func frequencies(_ graph: ModelGraph, _ source: any ModelSource) throws -> [Float] {
            let binding = try #require(graph.weights.values.first { if case .rope = $0.content { true } else { false } })
            return try binding.materialise(from: source).floats()
        }
        let (a, b) = (try frequencies(asked, planned), try frequencies(made.graph, made.files))
        #expect(a.count == 12 && b.count == 12 && zip(a, b).allSatisfy { abs($0 - $1) <= 1e-6 * abs($0) })
        // The scaling does something here, so that losing it would show.
        #expect(try floats(made, "rope_freqs.weight").contains { $0 > 7.9 })
    }

    @Test func qwen2HasTheBiasesThatItsConfigurationImplies() throws {
        let made = try make("qwen2", Configurations.qwen2, .q4_K)
        #expect(made.graph.architecture == "qwen2")
        for name in ["attn_q.bias", "attn_k.bias", "attn_v.bias"] { #expect(try made.files.tensor(named: "blk.2.\(name)")?.dtype == .f32) }
        #expect(try made.files.tensor(named: "blk.2.attn_output.bias") == nil)
        #expect(try made.files.tensor(named: "output.weight")?.dtype == .q4_K)
        #expect(made.model.notes.isEmpty, "\(made.model.notes)")
        let biased = made.graph.main.nodes.filter { node in
            node.op == "linear" && node.inputs.dropFirst(2).contains { $0 != .none }
        }
        #expect(biased.count == 9)
    }

    @Test func phi3KeepsItsDivisorsAndFusedProjections() throws {
        let made = try make("phi3", Configurations.phi3, .f16)
        #expect(try made.files.tensor(named: "blk.0.attn_qkv.weight")?.shape == [192, 64])
        #expect(try made.files.tensor(named: "blk.0.ffn_up.weight")?.shape == [192, 64])
        #expect(try floats(made, "rope_factors_long.weight") == [1, 1, 2, 2, 4, 4, 8, 8])
        #expect(made.model.notes.isEmpty, "\(made.model.notes)")
    }

    @Test func gemma3IsTiedByItsDefaultAndNormsAreNearOne() throws {
        let made = try make("gemma3", Configurations.gemma3, .q8_0)
        #expect(try made.files.tensor(named: "output.weight") == nil)
        let norm = try floats(made, "blk.3.attn_q_norm.weight")
        #expect(norm.count == 16 && norm.allSatisfy { abs($0 - 1) < 0.5 } && Set(norm).count > 8)
        #expect(made.model.notes.isEmpty, "\(made.model.notes)")
    }

    @Test func rowsThatAreNoWholeBlocksFallBack() throws {
        let made = try make("llama", Configurations.llama.replacingOccurrences(of: "160", with: "72"), .q4_K)
        // Rows of 64: Q8_0. Rows of 72: F16.
        #expect(try made.files.tensor(named: "blk.0.attn_q.weight")?.dtype == .q8_0)
        #expect(try made.files.tensor(named: "blk.0.ffn_down.weight")?.dtype == .f16)
        #expect(made.model.notes.contains { $0.contains("F16 or Q8_0") })
    }

    @Test func whatAFileCannotSayIsNoted() throws {
        func sliding(_ config: String, _ keys: String) -> String {
            config.replacingOccurrences(of: "\"hidden_size\"", with: "\(keys), \"hidden_size\"")
        }
        let made = try make(
            "qwen2", sliding(Configurations.qwen2, "\"use_sliding_window\": true, \"max_window_layers\": 0, \"sliding_window\": 8"), .f16)
        #expect(made.model.notes.contains { $0.contains("window of attention") && $0.contains("0 instead of 8") })
        // A family that slides everywhere can say it, under another family's name.
        let config = sliding(Configurations.llama, "\"sliding_window\": 8").replacingOccurrences(of: "\"llama\"", with: "\"mistral\"")
        let mistral = try make("mistral", config, .f16)
        #expect(mistral.model.architecture == "llama" && mistral.model.notes.isEmpty, "\(mistral.model.notes)")
        #expect(mistral.files.metadata("llama.attention.sliding_window") == .uint32(8))
    }

    @Test func aNarrowVocabularyHasNoTwoEqualRows() throws {
        for type in [DType.f16, .q8_0] {
            let made = try make("llama", Configurations.llama.replacingOccurrences(of: "700", with: "4000"), type)
            let tensor = try #require(try made.files.tensor(named: "token_embd.weight"))
            let width = made.files.bytes(of: tensor).count / 4000
            let bytes = made.files.bytes(of: tensor)
            #expect(Set((0..<4000).map { Array(bytes[$0 * width..<($0 + 1) * width]) }).count == 4000)
        }
    }

    @Test func whatChoosesExpertsStaysFloat() throws {
        let config = """
            {"model_type": "gpt_oss", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
             "intermediate_size": 32, "vocab_size": 300, "max_position_embeddings": 128, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 8}
            """
        let made = try make("gpt_oss", config, .q8_0)
        for name in ["ffn_gate_inp.weight", "ffn_gate_inp.bias", "ffn_gate_exps.bias", "ffn_down_exps.bias", "attn_sinks.weight"] {
            #expect(try made.files.tensor(named: "blk.1.\(name)")?.dtype == .f32, "\(name)")
        }
        #expect(try made.files.tensor(named: "blk.1.ffn_gate_exps.weight")?.dtype == .q8_0)
        // Biases lie near 0, whatever their shape.
        #expect(try floats(made, "blk.0.ffn_up_exps.bias").allSatisfy { abs($0) < 0.5 })
        #expect(made.model.notes.isEmpty, "\(made.model.notes)")
    }

    @Test func filesSayWhatOtherProgramsAskFor() throws {
        func config(_ more: String) -> String {
            """
            {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128, "moe_intermediate_size": 32, "vocab_size": 300,
             "max_position_embeddings": 128, "kv_lora_rank": 32, "qk_rope_head_dim": 16, "qk_nope_head_dim": 32, "v_head_dim": 32, "n_routed_experts": 8,
             "n_shared_experts": 1, "num_experts_per_tok": 2, "first_k_dense_replace": 1, \(more)}
            """
        }
        func value(_ made: Made, _ key: String) -> Int? { made.files.metadata("deepseek2.\(key)")?.int }
        // No query latent is rank 0; groups of which all are kept are none.
        let plain = try make(
            "deepseek_v2", config(#""q_lora_rank": null, "n_group": 4, "topk_group": 4, "topk_method": "group_limited_greedy""#), .f16)
        #expect(
            value(plain, "attention.q_lora_rank") == 0 && value(plain, "expert_group_count") == 1
                && value(plain, "expert_group_used_count") == 1)
        #expect(plain.model.notes.isEmpty, "\(plain.model.notes)")
        #expect(try plain.files.tensor(named: "blk.0.attn_q.weight") != nil)
        let grouped = try make("deepseek_v3", config(#""q_lora_rank": 24, "n_group": 4, "topk_group": 2"#), .f16)
        #expect(
            value(grouped, "attention.q_lora_rank") == 24 && value(grouped, "expert_group_count") == 4
                && value(grouped, "expert_group_used_count") == 2)
        #expect(try grouped.files.tensor(named: "blk.1.attn_k_b.weight")?.shape == [4, 32, 32])
        let long = try make("phi3", Configurations.phi3, .f16)
        #expect(abs((long.files.metadata("phi3.rope.scaling.attn_factor")?.double ?? 0) - (1 + log(2.0) / log(32.0)).squareRoot()) < 1e-6)
    }

    @Test func weightsThatTheConfigurationImpliesAreThere() throws {
        let model = try plan("dots1", String(contentsOfFile: Fixtures.path("models/families/dots1/config.json"), encoding: .utf8), .f16)
        #expect(
            model.tensors.contains { $0.name == "blk.0.attn_q_norm.weight" }
                && model.tensors.contains { $0.name == "blk.0.attn_k_norm.weight" })
    }

    @Test(.enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"))
    func everyKnownModelCanBeMadeOfItsConfiguration() throws {
        let folder = try #require(Fixtures.goldens) + "/models"
        let (library, catalogue) = (try ArchitectureLibrary(), try OpCatalogue.load())
        var made = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
            guard let match = try? library.match(ModelFiles.open(path: "\(folder)/\(name)")) else { continue }
            #expect(throws: Never.self, "\(name)") {
                _ = try SyntheticModel(
                    architecture: match.description.name, configuration: JSONDocument(contentsOf: "\(folder)/\(name)/config.json"),
                    type: .f16, library: library, catalogue: catalogue)
            }
            made += 1
        }
        #expect(made >= 71)
    }

    /// The width that config.json names is not the width of the MLP: transformers takes two thirds of it, rounded up to a multiple.
    @Test(arguments: [(12288, true, 256, 8192), (160, true, 16, 112), (160, false, 16, 160), (1000, true, 256, 768)])
    func adjustedWidthsAreCalculated(named: Int, adjusts: Bool, multiple: Int, width: Int) throws {
        let made = try make(
            "lfm2",
            """
            {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 40, "conv_L_cache": 3,
             "full_attn_idxs": [1], "block_ff_dim": \(named), "block_auto_adjust_ff_dim": \(adjusts), "block_multiple_of": \(multiple)}
            """, .f32)
        #expect(try made.files.tensor(named: "blk.0.ffn_gate.weight")?.shape == [width, 32])
    }

    @Test func theSameSeedGivesTheSameBytes() throws {
        let first = try make("llama", Configurations.llama, .q5_0, seed: 7)
        #expect(try make("llama", Configurations.llama, .q5_0, seed: 7).bytes == first.bytes)
        #expect(try make("llama", Configurations.llama, .q5_0, seed: 8).bytes != first.bytes)
    }

    @Test(arguments: BlockCodec.dtypes.filter { $0.rawValue < 1000 })
    func everyTypeHasTheDeviationOfItsRows(type: DType) throws {
        let made = try make("qwen2", Configurations.qwen2, type)
        let tensor = try #require(try made.files.tensor(named: "blk.0.ffn_gate.weight"))
        #expect(tensor.dtype == type && tensor.shape == [512, 256])
        var values = [Float](repeating: 0, count: tensor.elementCount)
        try values.withUnsafeMutableBufferPointer { buffer in
            try BlockCodec.decode(type, from: made.files.bytes(of: tensor), into: #require(buffer.baseAddress), count: buffer.count)
        }
        let n = Double(values.count)
        let mean = values.reduce(0.0) { $0 + Double($1) } / n
        let deviation = (values.reduce(0.0) { $0 + Double($1) * Double($1) } / n).squareRoot()
        #expect(abs(mean) < 0.002)
        #expect(abs(deviation - 1.0 / 16) < 0.006, "deviation \(deviation)")
        let rows = Set(stride(from: 0, to: values.count, by: 256).map { Array(values[$0..<$0 + 256]) })
        #expect(rows.count > 300, "\(rows.count) different rows of 512")
    }

    @Test func wrongRequestsAreRefusedWithTheKey() throws {
        expectError(.invalidArgument, "I32") { try plan("llama", Configurations.llama, .i32) }
        expectError(.invalidArgument, "F8_E4M3") { try plan("llama", Configurations.llama, .f8_e4m3) }
        expectError(.notFound, "no architecture 'nonesuch'") { try plan("nonesuch", Configurations.llama, .f16) }
        expectError(.notFound, "num_") { try plan("llama", #"{"hidden_size": 64}"#, .f16) }
        for (from, to) in [("64,", "-64,"), ("700", "70000000000000"), ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 99999999")] {
            expectError(.mismatch) { try plan("llama", Configurations.llama.replacingOccurrences(of: from, with: to), .f16) }
        }
    }

    @Test func anEnormousModelIsPlannedWithoutBeingHeld() throws {
        let config = Configurations.qwen2.replacingOccurrences(of: "\"hidden_size\": 256", with: "\"hidden_size\": 8192")
            .replacingOccurrences(of: "\"num_hidden_layers\": 3", with: "\"num_hidden_layers\": 80")
            .replacingOccurrences(of: "\"intermediate_size\": 512", with: "\"intermediate_size\": 28672")
            .replacingOccurrences(of: "\"num_attention_heads\": 4", with: "\"num_attention_heads\": 64")
        let model = try plan("qwen2", config, .q4_K)
        #expect(model.parameters > 60_000_000_000)
        #expect(model.tensors.count == 80 * 12 + 3)
    }
}
