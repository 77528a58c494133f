import HadalArchitecture
import HadalCore
import HadalGraph
import Testing
import TestSupport

/// Sparse attention: what a configuration or a GGUF file makes of the indexer, and what is refused.
@Suite struct SparseAttentionTests {
    let fixture: FamilyFixture

    init() throws { fixture = try FamilyFixture() }

    func changed(_ changes: [(String, String)], drop: (String) -> Bool = { _ in false }, spelling: String = "") throws -> FakeModel {
        try Families.changed("deepseek_v32", spelling: spelling, changes, drop: drop)
    }

    @Test(arguments: ["", ".v5"]) func eachLayerHasAnIndexerWithAStateOfItsOwn(spelling: String) throws {
        let model = try fixture.build(Families.model("deepseek_v32", spelling: spelling))
        #expect(model.warnings.isEmpty)
        let graph = model.main
        let indexers = graph.nodes("indexer")
        #expect(indexers.count == 3)
        #expect(indexers.allSatisfy { $0.int("heads") == 16 && $0.int("dim") == 12 && $0.int("top_k") == 8 })
        // A latent row and a key of the indexer for each token and layer.
        #expect(model.stateBytesPerToken(.f16) == 2 * 3 * (24 + 8 + 12))
        for (indexer, attention) in zip(indexers, graph.nodes("latent_attention")) {
            #expect(attention.inputs.last == .value(indexer.outputs[0]))
            #expect(indexer.states != attention.states)
        }
        // The indexer's halves, the attention's neighbours.
        #expect(
            graph.nodes("rope").map { $0.string("layout") }
                == Array(repeating: ["half", "half", "adjacent", "adjacent"], count: 3).flatMap { $0 })
        #expect(
            graph.nodes("layer_norm").count == 3 && graph.nodes("layer_norm").allSatisfy { $0.float("eps") == 1e-6 && $0.inputs.count == 3 }
        )
    }

    @Test func theListOfLayersSaysWhichHaveExperts() throws {
        let listed = "\"mlp_layer_types\": [\n    \"dense\",\n    \"sparse\",\n    \"sparse\"\n  ]"
        let swapped = "\"mlp_layer_types\": [\"dense\", \"dense\", \"sparse\"]"
        expectError(.notFound, "'model.layers.1.mlp.gate_proj.weight' is missing") {
            try fixture.build(changed([(listed, swapped)], spelling: ".v5"))
        }
    }

    /// No more can be chosen than a session may hold.
    @Test func theChoiceIsNoWiderThanTheContext() throws {
        let model = try fixture.build(changed([("\"index_topk\": 8", "\"index_topk\": 1000000000000")]))
        #expect(model.main.nodes("indexer").allSatisfy { $0.int("top_k") == 2560 })
    }

    @Test(arguments: [
        ("\"index_topk\": 8", "\"index_topk\": 0", HadalError.Code.mismatch, "index_topk"),
        ("\"index_topk\": 8", "\"index_topk\": -8", .mismatch, "index_topk"),
        ("\"index_head_dim\": 12", "\"index_head_dim\": 6", .unsupported, "index_head_dim is below qk_rope_head_dim"),
        ("\"index_head_dim\": 12", "\"index_head_dim\": 20", .mismatch, "indexer.wq_b.weight"),
        ("\"index_n_heads\": 16", "\"index_n_heads\": 0", .mismatch, "index_n_heads"),
        ("\"index_n_heads\": 16", "\"index_n_heads\": 4611686018427387904", .invalidArgument, "integer overflow"),
        ("\"q_lora_rank\": 28", "\"q_lora_rank\": null", .unsupported, "q_lora_rank"),
        ("\"n_group\": 4", "\"n_group\": 3", .unsupported, "n_group does not divide n_routed_experts"),
        ("\"num_experts_per_tok\": 4", "\"num_experts_per_tok\": 17", .unsupported, "more experts are chosen for a token than there are"),
    ])
    func configurationsThatCannotWorkAreRefused(from: String, to: String, code: HadalError.Code, message: String) throws {
        expectError(code, message) { try fixture.build(changed([(from, to)])) }
    }

    @Test(arguments: ["wq_b.weight", "wk.weight", "k_norm.weight", "k_norm.bias", "weights_proj.weight"])
    func aMissingTensorOfTheIndexerIsNamed(name: String) throws {
        let gone = "model.layers.1.self_attn.indexer.\(name)"
        expectError(.notFound, "'\(gone)' is missing") { try fixture.build(changed([], drop: { $0 == gone })) }
    }

    /// Float8 checkpoints store the indexer's projections with block scales, too.
    @Test func float8ProjectionsOfTheIndexerStayAsStored() throws {
        func stored(without missing: String? = nil) throws -> FakeModel {
            try Families.model("deepseek_v32") { config, tensors in
                config = config.replacing(
                    "\"v_head_dim\"",
                    with: "\"quantization_config\": {\"quant_method\": \"fp8\", \"weight_block_size\": [128, 128]}, \"v_head_dim\"")
                for i in tensors.indices
                where tensors[i].name.hasSuffix("indexer.wq_b.weight") || tensors[i].name.hasSuffix("indexer.wk.weight") {
                    tensors[i].dtype = .f8_e4m3
                    let scales = tensors[i].name + "_scale_inv"
                    if scales != missing { tensors.append((scales, .f32, tensors[i].shape.map { ($0 + 127) / 128 })) }
                }
            }
        }
        let model = try fixture.build(stored())
        #expect(model.warnings.isEmpty && model.weights["index_q.1"]?.dtype == .f8_e4m3)
        #expect(model.weights["index_q.1"]?.scaleShape == BlockScaleShape(rows: 2, columns: 1, block: 128))
        #expect(model.weights["index_k.1"]?.scaleShape == BlockScaleShape(rows: 1, columns: 1, block: 128))
        let scales = "model.layers.2.self_attn.indexer.wk.weight_scale_inv"
        expectError(.notFound, scales) { try fixture.build(stored(without: scales)) }
    }

    // MARK: GGUF

    /// A GGUF file with two layers and one that predicts: its block count is three.
    private func gguf(blocks: Int = 3, drop: (String) -> Bool = { _ in false }) throws -> FakeModel {
        let keys = ExpertFamiliesTests.latentKeys.merging(ExpertFamiliesTests.newGeneration) { $1 }
        var metadata: [String: ExpressionValue] = [:]
        for (key, value) in keys { metadata[key.replacing("deepseek2.", with: "deepseek32.")] = value }
        metadata.merge([
            "general.architecture": .string("deepseek32"), "deepseek32.block_count": .int(blocks),
            "deepseek32.nextn_predict_layers": .int(1),
            "deepseek32.attention.q_lora_rank": .int(48), "deepseek32.expert_gating_func": .int(2),
            "deepseek32.expert_weights_norm": .bool(true),
            "deepseek32.attention.indexer.head_count": .int(4), "deepseek32.attention.indexer.key_length": .int(24),
            "deepseek32.attention.indexer.top_k": .int(16),
        ]) { $1 }
        var tensors = (ExpertFamiliesTests.latentTensors + ExpertFamiliesTests.splitKV + ExpertFamiliesTests.splitExperts).filter {
            !$0.name.hasSuffix("attn_q.weight")
        }
        for tensor in tensors where tensor.name.hasPrefix("blk.1.") {
            tensors.append((tensor.name.replacing("blk.1.", with: "blk.2."), tensor.dtype, tensor.shape))
        }
        for n in 0..<3 {
            let more: [ExpertFamiliesTests.Tensor] = [
                ("attn_q_a.weight", .f16, [48, 64]), ("attn_q_a_norm.weight", .f32, [48]), ("attn_q_b.weight", .f16, [96, 48]),
                ("indexer.attn_q_b.weight", .q8_0, [96, 48]), ("indexer.attn_k.weight", .q8_0, [24, 64]),
                ("indexer.k_norm.weight", .f32, [24]),
                ("indexer.k_norm.bias", .f32, [24]), ("indexer.proj.weight", .f32, [4, 64]),
            ]
            for tensor in more { tensors.append(("blk.\(n).\(tensor.name)", tensor.dtype, tensor.shape)) }
        }
        for n in [1, 2] { tensors.append(("blk.\(n).exp_probs_b.bias", .f32, [8])) }
        tensors += [
            ("blk.2.nextn.enorm.weight", .f32, [64]), ("blk.2.nextn.hnorm.weight", .f32, [64]),
            ("blk.2.nextn.eh_proj.weight", .f16, [64, 128]),
            ("blk.2.nextn.shared_head_norm.weight", .f32, [64]),
        ]
        tensors.removeAll { drop($0.name) }
        return try FakeModel(metadata: metadata, tensors: tensors)
    }

    @Test func aGGUFFileCountsTheLayerThatPredicts() throws {
        let model = try fixture.build(gguf())
        #expect(model.architecture == "deepseek_v32" && model.warnings.isEmpty, "\(model.warnings)")
        #expect(model.main.nodes("indexer").map { $0.int("top_k") } == [16, 16] && model.main.nodes("indexer")[0].int("heads") == 4)
        let mtp = try #require(model.graphs["mtp"])
        #expect(mtp.nodes("indexer").count == 1 && Set(mtp.states.map(\.name)) == ["latent.2", "index.2"])
        #expect(model.main.nodes("router").count == 1 && model.main.nodes("router")[0].string("scoring") == "sigmoid")
        // Without that layer's tensors the model still runs.
        let trunk = try fixture.build(gguf(drop: { $0.hasPrefix("blk.2.") }))
        #expect(trunk.graphs["mtp"] == nil && trunk.warnings.isEmpty)
        expectError(.mismatch, "n_layers") { try fixture.build(gguf(blocks: 0)) }
    }
}
