import HadalArchitecture
import HadalCore
import HadalFormats
import HadalGraph
import Testing
import TestSupport

/// Families with experts and latent attention: what their configurations and GGUF files make of the graph, and what is refused.
@Suite struct ExpertFamiliesTests {
    let fixture: FamilyFixture

    init() throws { fixture = try FamilyFixture() }

    @Test func routersOfEachFamily() throws {
        func router(_ name: String) throws -> Graph.Node {
            try #require(try fixture.build(Families.model(name)).main.nodes("router").first)
        }
        let mixtral = try router("mixtral")
        #expect(mixtral.int("top_k") == 2 && mixtral.bool("normalise") && mixtral.string("scoring") == "softmax")
        #expect(try router("qwen3_moe").bool("normalise") && router("qwen3_moe").int("top_k") == 3)
        #expect(try !router("olmoe").bool("normalise"))
        #expect(try router("gpt_oss").string("scoring") == "softmax_topk")
        let lite = try router("deepseek_v2_lite")
        #expect(lite.int("groups") == 1 && lite.string("scoring") == "softmax" && !lite.bool("normalise") && lite.float("scale") == 1)
        let v2 = try router("deepseek_v2")
        #expect(v2.int("groups") == 4 && v2.int("top_groups") == 2 && v2.string("group_score") == "max" && v2.string("dropped") == "zero")
        #expect(v2.float("scale") == 4 && !v2.bool("normalise"))
        let v3 = try router("deepseek_v3")
        #expect(v3.string("scoring") == "sigmoid" && v3.string("group_score") == "top2" && v3.string("dropped") == "negative_infinity")
        #expect(v3.int("groups") == 4 && v3.int("top_groups") == 2 && v3.bool("normalise") && v3.float("scale") == 2.5)
    }

    @Test func latentAttentionScalesAndCaches() throws {
        let v3 = try fixture.build(Families.model("deepseek_v3"))
        let node = try #require(v3.main.nodes("latent_attention").first)
        // (16 + 8)^-0.5 times the square of 0.1 ln 40 + 1.
        #expect(abs(node.float("scale") - 0.382499) < 1e-6)
        #expect(v3.stateBytesPerToken(.f16) == 2 * 4 * (24 + 8))
        #expect(v3.main.nodes("rope").allSatisfy { $0.string("layout") == "adjacent" && $0.float("scale") == 1 })
        #expect(v3.main.nodes("experts").count == 3 && v3.main.nodes("glu").count == 4)
        #expect(try fixture.build(Families.model("deepseek_v2_lite")).variant == "plain queries")
        #expect(try fixture.build(Families.model("deepseek_v2")).variant == "low-rank queries")
    }

    @Test func thePredictionLayerIsAGraphOfItsOwn() throws {
        let model = try fixture.build(Families.model("deepseek_v3"))
        let mtp = try #require(model.graphs["mtp"])
        #expect(mtp.inputs.map { mtp.values[$0].name } == ["tokens", "positions", "rows", "previous"])
        #expect(mtp.states.map(\.name) == ["latent.4"] && mtp.nodes("experts").count == 1)
        #expect(mtp.weights.contains { $0.name == "router.4" } && !model.main.weights.contains { $0.name == "router.4" })
        // A configuration may promise a layer that the checkpoint leaves out.
        let without = try fixture.build(Families.changed("deepseek_v3", []) { $0.hasPrefix("model.layers.4.") })
        #expect(without.graphs["mtp"] == nil && without.warnings.isEmpty)
    }

    @Test(arguments: [
        ("\"n_group\": 4", "\"n_group\": 3", HadalError.Code.unsupported, "n_group does not divide n_routed_experts"),
        ("\"num_experts_per_tok\": 4", "\"num_experts_per_tok\": 17", .unsupported, "more experts are chosen for a token than there are"),
        ("\"num_experts_per_tok\": 4", "\"num_experts_per_tok\": 9", .unsupported, "than the groups that are kept hold"),
        ("\"num_experts_per_tok\": 4", "\"num_experts_per_tok\": 0", .unsupported, "at least one expert"),
        ("\"topk_group\": 2", "\"topk_group\": 5", .unsupported, "topk_group is above n_group"),
        ("\"n_group\": 4", "\"n_group\": 16", .unsupported, "two experts each"),
        ("\"noaux_tc\"", "\"other\"", .mismatch, "topk_method"),
    ])
    func configurationsThatCannotRouteAreRefused(from: String, to: String, code: HadalError.Code, message: String) throws {
        let model = try Families.changed("deepseek_v3", [(from, to)])
        expectError(code, message) { try fixture.build(model) }
    }

    @Test(arguments: ["mixtral", "qwen3_moe", "olmoe", "gpt_oss"])
    func moreChosenThanThereAre(name: String) throws {
        let config = try Families.config(name)
        let count = try #require(config.firstMatch(of: #/"num_experts_per_tok": \d+/#)).output
        let model = try Families.changed(name, [(String(count), "\"num_experts_per_tok\": 99")])
        expectError(.unsupported, "more experts are chosen for a token than there are", "99") { try fixture.build(model) }
    }

    @Test func aMissingExpertIsNamed() throws {
        let gone = "model.layers.2.mlp.experts.7.up_proj.weight"
        let model = try Families.changed("deepseek_v3", []) { $0 == gone }
        expectError(.notFound, "'\(gone)' is missing") { try fixture.build(model) }
    }

    /// The checkpoint as float8: each projection with a scale for every 128 x 128 block.
    func float8(without missing: String? = nil) throws -> FakeModel {
        try Families.model("deepseek_v3") { config, tensors in
            config = config.replacing(
                "\"v_head_dim\"",
                with: "\"quantization_config\": {\"quant_method\": \"fp8\", \"weight_block_size\": [128, 128]}, \"v_head_dim\"")
            for i in tensors.indices where tensors[i].name.hasSuffix("_proj.weight") && !tensors[i].name.contains("eh_proj") {
                tensors[i].dtype = .f8_e4m3
                let scales = tensors[i].name + "_scale_inv"
                if scales != missing { tensors.append((scales, .f32, tensors[i].shape.map { ($0 + 127) / 128 })) }
            }
        }
    }

    @Test func float8WeightsStayAsStored() throws {
        let model = try fixture.build(float8())
        #expect(model.warnings.isEmpty)
        #expect(model.weights["expert_up.2"]?.dtype == .f8_e4m3)
        #expect(model.weights["expert_up.2"]?.scaleShape == BlockScaleShape(rows: 16, columns: 1, block: 128))
        #expect(model.weights["kv_b.0"]?.scaleShape == BlockScaleShape(rows: 1, columns: 1, block: 128))
        #expect(model.weights["router.1"]?.scaleShape == nil)
    }

    @Test func aStackOfFloat8ExpertsKeepsTheScaleOfEach() throws {
        let shapes = try float8()
        var data: [String: [UInt8]] = [:]
        for expert in 0..<16 {
            let name = "model.layers.1.mlp.experts.\(expert).up_proj.weight"
            // 0x38 is 1.0 in e4m3.
            data[name] = Array(repeating: 0x38, count: 16 * 48)
            data[name + "_scale_inv"] = withUnsafeBytes(of: Float(expert + 1).bitPattern.littleEndian) { Array($0) }
        }
        let tensors = try shapes.tensorNames.map { name in
            let info = try #require(shapes.tensorInfo(name))
            return (name, info.dtype, info.shape)
        }
        let model = try FakeModel(config: try #require(shapes.configuration).root.text(), tensors: tensors, data: data)
        let weight = try #require(try fixture.build(model).weights["expert_up.1"]).materialise(from: model)
        #expect(weight.dtype == .f8_e4m3 && weight.bytes.count == 16 * 16 * 48)
        #expect(weight.scales.map { Array($0.values) } == (1...16).map { Float($0) })
        let wanted: [Float] = (0..<12288).map { (index: Int) -> Float in Float(index / 768 + 1) }
        let floats = try weight.floats()
        #expect(floats == wanted)
    }

    @Test func aMissingScaleIsNamed() throws {
        let gone = "model.layers.1.mlp.experts.3.down_proj.weight_scale_inv"
        expectError(.notFound, "'\(gone)' is missing") { try fixture.build(float8(without: gone)) }
    }

    @Test func denseLayersAmongSparseOnes() throws {
        let model = try Families.changed(
            "qwen3_moe", [("\"mlp_only_layers\": []", "\"mlp_only_layers\": [1]")]
        ) { $0.contains("layers.1.mlp") }
        let tensors = try model.tensorNames.map { ($0, DType.bf16, try #require(model.tensorInfo($0)).shape) }
        let dense = try FakeModel(
            config: Families.config("qwen3_moe").replacing("\"mlp_only_layers\": []", with: "\"mlp_only_layers\": [1]"),
            tensors: tensors + [
                ("model.layers.1.mlp.gate_proj.weight", .bf16, [128, 64]), ("model.layers.1.mlp.up_proj.weight", .bf16, [128, 64]),
                ("model.layers.1.mlp.down_proj.weight", .bf16, [64, 128]),
            ])
        let built = try fixture.build(dense)
        #expect(built.warnings.isEmpty && built.main.nodes("experts").count == 2 && built.main.nodes("glu").count == 1)
    }

    // MARK: GGUF

    static let latentKeys: [String: ExpressionValue] = {
        let extents: [String: Int] = [
            "deepseek2.embedding_length": 64, "deepseek2.block_count": 2, "deepseek2.attention.head_count": 4,
            "deepseek2.feed_forward_length": 128, "deepseek2.context_length": 2560, "deepseek2.attention.kv_lora_rank": 32,
            "deepseek2.rope.dimension_count": 8, "deepseek2.leading_dense_block_count": 1, "deepseek2.expert_count": 8,
            "deepseek2.expert_used_count": 2, "deepseek2.expert_shared_count": 2, "deepseek2.expert_feed_forward_length": 32,
            "deepseek2.rope.scaling.original_context_length": 64,
        ]
        var keys: [String: ExpressionValue] = extents.mapValues { ExpressionValue.int($0) }
        keys["general.architecture"] = .string("deepseek2")
        keys["deepseek2.attention.layer_norm_rms_epsilon"] = .float(1e-6)
        keys["deepseek2.rope.freq_base"] = .float(10000)
        keys["deepseek2.expert_weights_scale"] = .float(1)
        keys["deepseek2.rope.scaling.type"] = .string("yarn")
        keys["deepseek2.rope.scaling.factor"] = .float(40)
        keys["deepseek2.rope.scaling.yarn_log_multiplier"] = .float(0.0707)
        return keys
    }()

    typealias Tensor = (name: String, dtype: DType, shape: [Int])

    static let latentTensors: [Tensor] = {
        var tensors: [Tensor] = [
            ("token_embd.weight", .f16, [320, 64]), ("output.weight", .f16, [320, 64]), ("output_norm.weight", .f32, [64]),
        ]
        let layer: [Tensor] = [
            ("attn_norm.weight", .f32, [64]), ("attn_q.weight", .f16, [96, 64]), ("attn_kv_a_mqa.weight", .f16, [40, 64]),
            ("attn_kv_a_norm.weight", .f32, [32]), ("attn_output.weight", .f16, [64, 64]), ("ffn_norm.weight", .f32, [64]),
        ]
        let dense: [Tensor] = [
            ("ffn_gate.weight", .f16, [128, 64]), ("ffn_up.weight", .f16, [128, 64]), ("ffn_down.weight", .f16, [64, 128]),
        ]
        let sparse: [Tensor] = [
            ("ffn_gate_inp.weight", .f32, [8, 64]), ("ffn_down_exps.weight", .q8_0, [8, 64, 32]),
            ("ffn_gate_shexp.weight", .f16, [64, 64]),
            ("ffn_up_shexp.weight", .f16, [64, 64]), ("ffn_down_shexp.weight", .f16, [64, 64]),
        ]
        for n in 0..<2 {
            for tensor in layer { tensors.append(("blk.\(n).\(tensor.name)", tensor.dtype, tensor.shape)) }
            for tensor in n == 0 ? dense : sparse { tensors.append(("blk.\(n).\(tensor.name)", tensor.dtype, tensor.shape)) }
        }
        return tensors
    }()
    static let splitExperts: [(name: String, dtype: DType, shape: [Int])] = [
        ("blk.1.ffn_gate_exps.weight", .q8_0, [8, 32, 64]), ("blk.1.ffn_up_exps.weight", .q8_0, [8, 32, 64]),
    ]
    static let newGeneration: [String: ExpressionValue] = [
        "deepseek2.attention.head_count_kv": .int(1), "deepseek2.attention.key_length": .int(40),
        "deepseek2.attention.value_length": .int(32),
        "deepseek2.attention.key_length_mla": .int(24), "deepseek2.attention.value_length_mla": .int(16),
    ]
    static let splitKV: [Tensor] = [
        ("blk.0.attn_k_b.weight", .f16, [4, 32, 16]), ("blk.0.attn_v_b.weight", .f16, [4, 16, 32]),
        ("blk.1.attn_k_b.weight", .f16, [4, 32, 16]), ("blk.1.attn_v_b.weight", .f16, [4, 16, 32]),
    ]
    static let wholeKV: [Tensor] = [("blk.0.attn_kv_b.weight", .f16, [128, 32]), ("blk.1.attn_kv_b.weight", .f16, [128, 32])]

    @Test func bothGenerationsOfLatentGGUFFiles() throws {
        let new = try fixture.build(
            FakeModel(
                metadata: Self.latentKeys.merging(Self.newGeneration) { $1 }, tensors: Self.latentTensors + Self.splitExperts + Self.splitKV
            ))
        let old = try fixture.build(
            FakeModel(
                metadata: Self.latentKeys.merging([
                    "deepseek2.attention.head_count_kv": .int(4), "deepseek2.attention.key_length": .int(24),
                    "deepseek2.attention.value_length": .int(16),
                ]) { $1 },
                tensors: Self.latentTensors + Self.splitExperts + Self.wholeKV))
        #expect(new.architecture == "deepseek_v2" && new.warnings.isEmpty && old.warnings.isEmpty)
        for model in [new, old] {
            let node = try #require(model.main.nodes("latent_attention").first)
            #expect(node.int("nope_dim") == 16 && node.int("rope_dim") == 8 && node.int("value_dim") == 16 && node.int("rank") == 32)
            // 24^-0.5 times the square of 0.0707 ln 40 + 1.
            #expect(abs(node.float("scale") - 0.324481) < 1e-6)
            let router = try #require(model.main.nodes("router").first)
            #expect(router.string("scoring") == "softmax" && router.int("groups") == 1)
            #expect(model.main.nodes("rope").allSatisfy { $0.float("scale") == 1 && $0.string("layout") == "adjacent" })
        }
        #expect(new.weights["expert_gate.1"]?.dtype == .q8_0)
        #expect(new.weights["kv_b.0"]?.dims == [128, 32] && old.weights["kv_b_whole.0"]?.plainTensor != nil)
    }

    @Test func keysAndValuesOfASplitFileAreJoinedHeadByHead() throws {
        // One head after the other: the keys' rows, which the file holds transposed, then the values'.
        let k = (0..<4 * 32 * 16).map { Float($0) }
        let v = (0..<4 * 16 * 32).map { Float(-$0) }
        func bytes(_ values: [Float]) -> [UInt8] {
            values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
        }
        var tensors = Self.latentTensors + Self.splitExperts + Self.splitKV
        for i in tensors.indices where tensors[i].name.contains("_b.weight") { tensors[i].dtype = .f32 }
        let model = try FakeModel(
            metadata: Self.latentKeys.merging(Self.newGeneration) { $1 }, tensors: tensors,
            data: ["blk.0.attn_k_b.weight": bytes(k), "blk.0.attn_v_b.weight": bytes(v)])
        let joined = try #require(try fixture.build(model).weights["kv_b.0"]).materialise(from: model).floats()
        for head in 0..<4 {
            for c in 0..<32 {
                for row in 0..<16 {
                    #expect(joined[(head * 32 + row) * 32 + c] == k[(head * 32 + c) * 16 + row])
                    #expect(joined[(head * 32 + 16 + row) * 32 + c] == v[(head * 16 + row) * 32 + c])
                }
            }
        }
    }

    @Test func sigmoidScoresInAGGUFFileMeanTheLaterFamily() throws {
        let keys = Self.latentKeys.merging(Self.newGeneration) { $1 }.merging([
            "deepseek2.expert_gating_func": .int(2), "deepseek2.expert_weights_norm": .bool(true), "deepseek2.expert_group_count": .int(4),
            "deepseek2.expert_group_used_count": .int(2), "deepseek2.expert_weights_scale": .float(2.5),
        ]) { $1 }
        let more: [Tensor] = [("blk.1.exp_probs_b.bias", .f32, [8]), ("blk.1.ffn_gate_up_exps.weight", .q8_0, [8, 64, 64])]
        let tensors = Self.latentTensors + Self.splitKV + more
        let model = try fixture.build(FakeModel(metadata: keys, tensors: tensors))
        #expect(model.architecture == "deepseek_v3" && model.warnings.isEmpty)
        let router = try #require(model.main.nodes("router").first)
        #expect(router.string("scoring") == "sigmoid" && router.string("group_score") == "top2" && router.bool("normalise"))
        #expect(router.int("groups") == 4 && router.float("scale") == 2.5)
        // Gate and up in one tensor, still quantised when taken apart.
        #expect(model.weights["expert_up_fused.1"]?.dtype == .q8_0 && model.weights["expert_gate_fused.1"]?.dims == [8, 32, 64])
    }

    @Test func aGGUFFileOfLlamaWithExperts() throws {
        var metadata: [String: ExpressionValue] = [
            "general.architecture": .string("llama"), "llama.embedding_length": .int(64), "llama.block_count": .int(1),
            "llama.attention.head_count": .int(4), "llama.attention.head_count_kv": .int(2), "llama.feed_forward_length": .int(32),
            "llama.context_length": .int(128), "llama.attention.layer_norm_rms_epsilon": .float(1e-5), "llama.expert_count": .int(4),
            "llama.expert_used_count": .int(2), "llama.rope.dimension_count": .int(16),
        ]
        let tensors: [(name: String, dtype: DType, shape: [Int])] = [
            ("token_embd.weight", .q8_0, [320, 64]), ("output.weight", .q8_0, [320, 64]), ("output_norm.weight", .f32, [64]),
            ("blk.0.attn_norm.weight", .f32, [64]), ("blk.0.attn_q.weight", .q8_0, [64, 64]), ("blk.0.attn_k.weight", .q8_0, [32, 64]),
            ("blk.0.attn_v.weight", .q8_0, [32, 64]), ("blk.0.attn_output.weight", .q8_0, [64, 64]), ("blk.0.ffn_norm.weight", .f32, [64]),
            ("blk.0.ffn_gate_inp.weight", .f32, [4, 64]), ("blk.0.ffn_gate_exps.weight", .q8_0, [4, 32, 64]),
            ("blk.0.ffn_up_exps.weight", .q8_0, [4, 32, 64]), ("blk.0.ffn_down_exps.weight", .q8_0, [4, 64, 32]),
        ]
        let model = try fixture.build(FakeModel(metadata: metadata, tensors: tensors))
        #expect(model.architecture == "mixtral" && model.warnings.isEmpty)
        #expect(model.main.nodes("rope").allSatisfy { $0.string("layout") == "adjacent" })
        metadata["llama.expert_count"] = .int(0)
        #expect(try fixture.library.match(FakeModel(metadata: metadata, tensors: tensors)).description.name == "llama")
    }
}
