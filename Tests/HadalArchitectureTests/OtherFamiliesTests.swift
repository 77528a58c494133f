import HadalArchitecture
import HadalCore
import HadalFormats
import HadalGraph
import Testing
import TestSupport

/// Families that are not built in, described in JSON alone.
@Suite struct OtherFamiliesTests {
    static let folder = Fixtures.path("architectures/families")
    static let names = ["granite", "latent", "mixtral", "olmo2", "parallel", "smollm3"]

    let fixture: FamilyFixture

    init() throws { fixture = try FamilyFixture(directories: [Self.folder]) }

    static func config(_ type: String, _ more: String) -> String {
        """
        {"model_type": "\(type)", "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
         "intermediate_size": 48, "vocab_size": 50, "max_position_embeddings": 64, "rms_norm_eps": 1e-5\(more)}
        """
    }

    @Test(arguments: names) func passesTheCheck(name: String) throws {
        let report = try fixture.library.check(file: "\(Self.folder)/\(name).json", catalogue: fixture.catalogue)
        #expect(report.problems.isEmpty, "\(report.problems)")
    }

    @Test func mixtureOfExperts() throws {
        let model = try fixture.build(
            Self.config("mixtral", ", \"num_local_experts\": 3, \"num_experts_per_tok\": 2, \"sliding_window\": 16"))
        #expect(model.main.nodes("router").map { $0.int("top_k") } == [2, 2, 2, 2])
        #expect(model.main.nodes("router").allSatisfy { $0.bool("normalise") })
        let gate = try #require(model.weights["gate_proj.1"])
        #expect(gate.dims == [3, 48, 32])
        guard case .stored(let recipe) = gate.content else { Issue.record("no recipe"); return }
        #expect(recipe.tensors.map(\.name) == (0..<3).map { "model.layers.1.block_sparse_moe.experts.\($0).w1.weight" })
    }

    @Test func latentAttentionVariantsAndASecondGraph() throws {
        let more = """
            , "kv_lora_rank": 12, "qk_nope_head_dim": 6, "qk_rope_head_dim": 4, "v_head_dim": 5, "n_routed_experts": 4,
            "first_k_dense_replace": 1, "num_nextn_predict_layers": 1
            """
        let model = try fixture.build(Self.config("latent", more))
        #expect(model.variant == "lite")
        #expect(
            model.reasons == [
                "matched latent because config.model_type is \"latent\"", "variant lite because q_rank == null (q_rank is null)",
            ])
        #expect(model.main.nodes("latent_attention").count == 4 && model.main.nodes("experts").count == 3)
        #expect(model.main.states.map(\.width) == [16, 16, 16, 16])
        let mtp = try #require(model.graphs["mtp"])
        #expect(mtp.inputs.count == 4 && mtp.nodes("concat").count == 1)
        #expect(try fixture.build(Self.config("latent", more + ", \"q_lora_rank\": 3")).variant == "full")
        #expect(
            try fixture.build(Self.config("latent", more).replacing("\"num_nextn_predict_layers\": 1", with: "\"a\": 1")).graphs.keys
                .sorted() == ["main"])
    }

    @Test func multipliers() throws {
        let model = try fixture.build(
            Self.config(
                "granite",
                ", \"embedding_multiplier\": 12, \"residual_multiplier\": 0.22, \"logits_scaling\": 8, \"attention_multiplier\": 0.015625"))
        #expect(model.main.nodes("scale").map { $0.float("factor") } == [12, 0.22, 0.22, 0.22, 0.22, 0.22, 0.22, 0.22, 0.22, 0.125])
        #expect(model.main.nodes("attention").first?.float("scale") == 0.015625)
    }

    @Test func layersWithoutRope() throws {
        let model = try fixture.build(Self.config("smollm3", ""))
        #expect(model.main.nodes("rope").count == 6)
        let stated = try fixture.build(Self.config("smollm3", ", \"no_rope_layers\": [0, 1, 0, 0]"))
        #expect(stated.main.nodes("rope").map(\.label) == ["layers.1.attention.rotate.q", "layers.1.attention.rotate.k"])
    }

    @Test func postNormsAlone() throws {
        let model = try fixture.build(Self.config("olmo2", ""))
        #expect(model.weights["attn_norm.0"] == nil && model.weights["q_norm.0"]?.dims == [32])
        #expect(model.main.nodes("rms_norm").count == 4 * 4 + 1)
    }

    @Test func attentionAndMLPSideBySide() throws {
        let config = """
            {"model_type": "gpt_neox", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
             "vocab_size": 50, "max_position_embeddings": 64, "rotary_pct": 0.5}
            """
        let model = try fixture.build(config)
        #expect(model.main.nodes("rope").allSatisfy { $0.int("rotary") == 4 })
        // Both halves read the same x.
        let norms = model.main.nodes("layer_norm")
        #expect(norms[0].inputs[0] == norms[1].inputs[0])
        let serial = try fixture.build(config.replacing("\"rotary_pct\"", with: "\"use_parallel_residual\": false, \"rotary_pct\"")).main
            .nodes("layer_norm")
        #expect(serial[0].inputs[0] != serial[1].inputs[0])
    }
}
