import HadalArchitecture
import HadalCore
import HadalFormats
import HadalGraph
import TestSupport
import Testing

/// What the families that need no op of their own refuse, and how they are told apart.
@Suite struct FurtherFamiliesTests {
    let fixture: FamilyFixture

    init() throws { fixture = try FamilyFixture() }

    static func config(_ type: String, _ more: String) -> String {
        """
        {"model_type": "\(type)", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4,
         "intermediate_size": 48, "vocab_size": 50, "max_position_embeddings": 64, \(more)}
        """
    }

    @Test(
        "a switch that is not covered is refused with its key and value",
        arguments: [
            ("falcon", "\"alibi\": true", "ALiBi", "alibi is true, from config.json alibi"),
            (
                "falcon", "\"apply_residual_connection_post_layernorm\": true", "normalised stream",
                "config.json apply_residual_connection_post_layernorm"
            ),
            ("falcon", "\"num_ln_in_parallel_attn\": 2", "num_ln_in_parallel_attn", "norms is 2"),
            ("falcon", "\"new_decoder_architecture\": true, \"parallel_attn\": false", "parallel_attn", "parallel is false"),
            ("gemma", "\"use_bidirectional_attention\": true", "use_bidirectional_attention", "bidirectional is true"),
            ("gpt2", "\"n_embd\": 32, \"n_layer\": 2, \"n_head\": 4, \"add_cross_attention\": true", "encoder", "cross_attention is true"),
            ("starcoder2", "\"norm_type\": \"rms_norm\"", "norm_type", "norm_type is 'rms_norm'"),
            ("starcoder2", "\"mlp_type\": \"glu\"", "mlp_type", "mlp_type is 'glu'"),
            ("glm4_moe_lite", "\"partial_rotary_factor\": 0.5", "partial_rotary_factor", "rotary_share is 0.5"),
            ("ernie4_5_moe", "\"moe_norm_min\": 0.1", "moe_norm_min", "least_sum is 0.1"),
            ("hunyuan_v1_dense", "\"use_cla\": true", "use_cla", "shares_keys is true"),
            ("hunyuan_v1_dense", "\"norm_type\": \"layer\"", "norm_type", "norm_type is 'layer'"),
            ("hunyuan_v1_dense", "\"use_rotary_pos_emb\": false", "use_rotary_pos_emb", "rotates is false"),
            ("hunyuan_v1_moe", "\"position_embedding_xdrope\": true", "position_embedding_xdrope", "image_positions is true"),
            ("mimo_v2_flash", "\"swa_num_key_value_heads\": 4, \"swa_head_dim\": 64", "swa_head_dim", "sliding_head_dim is 64"),
            (
                "mimo_v2_flash", "\"swa_num_key_value_heads\": 4, \"swa_num_attention_heads\": 8", "swa_num_attention_heads",
                "sliding_heads is 8"
            ),
            ("mimo_v2_flash", "\"swa_num_key_value_heads\": 4, \"topk_method\": \"greedy\"", "topk_method", "topk_method is 'greedy'"),
            ("minimax_m2", "\"qk_norm_type\": \"per_head\"", "qk_norm_type", "qk_norm_type is 'per_head'"),
            ("minimax_m2", "\"shared_intermediate_size\": 8", "shared_intermediate_size", "d_shared is 8"),
            ("minimax_m2", "\"attn_type_list\": [1, 0]", "attn_type_list", "attention_kinds is [1, 0]"),
        ])
    func refused(type: String, switch more: String, message: String, value: String) throws {
        let error = expectError(.unsupported, message, value) { try fixture.build(Self.config(type, more)) }
        #expect(error?.place?.file == "config.json")
    }

    @Test("an activation that is not known is named", arguments: ["starcoder2", "nemotron", "phi", "stablelm", "arcee", "gpt_neox"])
    func activation(type: String) throws {
        expectError(.unsupported, "hidden_act is 'laplace'") { try fixture.build(Self.config(type, "\"hidden_act\": \"laplace\"")) }
    }

    @Test("of DBRX's p-norms none, the first and the second are covered")
    func dbrx() throws {
        func model(_ p: String) throws -> ModelGraph {
            try fixture.build(
                """
                {"model_type": "dbrx", "d_model": 32, "n_layers": 1, "n_heads": 4, "max_seq_len": 64, "vocab_size": 50, "attn_config": {"kv_n_heads": 2},
                 "ffn_config": {"ffn_hidden_size": 16, "moe_num_experts": 4, "moe_top_k": 2, "moe_normalize_expert_weights": \(p)}}
                """)
        }
        #expect(try model("null").main.nodes("router").map { $0.bool("normalise") } == [false])
        #expect(try model("1.0").main.nodes("router").map { $0.bool("normalise") } == [true])
        #expect(try model("2").main.nodes("scale").map { $0.float("factor") } == [1 / Double(2).squareRoot()])
        expectError(.unsupported, "share_norm is 3.0") { try model("3.0") }
    }

    @Test(
        "layers share what an indexer chose, by each way to say so",
        arguments: [
            ("\"indexer_types\": [\"full\", \"shared\", \"shared\", \"full\"]", [0, 3]), ("\"index_topk_pattern\": \"FSSF\"", [0, 3]),
            ("\"index_topk_pattern\": [\"full\", \"shared\", \"S\", \"F\"]", [0, 3]),
            ("\"index_topk_freq\": 3, \"index_skip_topk_offset\": 1", [0, 3]),
            ("\"index_topk_freq\": 2", [0, 1, 3]), ("\"index_topk\": 4", [0, 1, 2, 3]),
        ])
    func sharedChoice(more: String, layers: [Int]) throws {
        let model = try fixture.build(
            Self.config("glm_moe_dsa", "\"q_lora_rank\": 8, \(more)").replacing(
                "\"num_hidden_layers\": 2", with: "\"num_hidden_layers\": 4"))
        #expect(model.main.nodes("indexer").map(\.label) == layers.map { "layers.\($0).attention.index.choose.seen" })
        #expect(model.main.nodes("latent_attention").count == 4)
    }

    @Test("a layer that shares what no earlier one chose is an error")
    func nothingToShare() throws {
        let config = Self.config("glm_moe_dsa", "\"q_lora_rank\": 8, \"indexer_types\": [\"shared\", \"full\"]")
        expectError(.notFound, "no value 'seen'") { try fixture.build(config) }
    }

    @Test("no two built-in descriptions claim one model")
    func matchesAreApart() throws {
        for entry in fixture.library.list {
            let document = try JSONDocument(contentsOf: entry.path)
            for rule in document.root["match"].map({ $0.array ?? [$0] }) ?? [] {
                var metadata: [String: ExpressionValue] = [:]
                var members: [String] = []
                for condition in rule.object?.members ?? [] {
                    let (key, wanted) = (condition.key, condition.value)
                    let first = wanted.array?.first ?? wanted
                    let value = first.object == nil ? ExpressionValue(first) ?? .null : .int(1)
                    if key.hasPrefix("config.") {
                        let path = key.dropFirst("config.".count).split(separator: ".")
                        let inner = "\"\(path.last ?? "")\": \(value.string.map { "\"\($0)\"" } ?? "\(value)")"
                        members.append(path.dropLast().reversed().reduce(inner) { "\"\($1)\": {\($0)}" })
                    } else {
                        metadata[key] = value
                    }
                }
                // A rule with conditions of both kinds stands for a model of either.
                let config = members.isEmpty ? nil : "{\(members.joined(separator: ", "))}"
                let models = try [config.map { try FakeModel(config: $0) }, metadata.isEmpty ? nil : FakeModel(metadata: metadata)]
                for model in models.compactMap({ $0 }) {
                    let chosen = try fixture.library.match(model).description.name
                    #expect(chosen == entry.name)
                }
            }
        }
    }

    @Test("a user's description is preferred to a built-in one that fits as well, and two of the user's are an error")
    func ofTheUsersOwn() throws {
        let mine =
            "{\"hadal\": \"architecture/1\", \"name\": \"mine\", \"extends\": \"gpt2\", \"match\": {\"config.model_type\": \"gpt2\"}}"
        let model = try FakeModel(config: "{\"model_type\": \"gpt2\"}")
        let chosen = try Fixtures.withLibrary(["mine": mine]) { library, _ in try library.match(model).description.name }
        #expect(chosen == "mine")
        _ = try Fixtures.withLibrary(["mine": mine, "other": mine.replacing("\"mine\"", with: "\"other\"")]) { library, _ in
            expectError(.mismatch, "mine", "other") { try library.match(model) }
        }
    }

    @Test("a GGUF file may hold a vector as a matrix of one row")
    func vectorAsMatrix() throws {
        func model(_ shape: [Int]) throws -> ModelGraph {
            let text = """
                {"hadal": "architecture/1", "name": "tiny", "match": {"general.architecture": "tiny"},
                 "model": {"layers": 0, "width": 4, "context_length": 8, "vocabulary_size": 5},
                 "weights": {"embed": {"gguf": "embed", "shape": [5, 4]}, "norm": {"gguf": "norm", "shape": [4]}},
                 "graph": [{"op": "embedding", "in": "tokens", "weight": "embed", "out": "x"}, {"op": "gather_rows", "in": ["x", "rows"], "out": "x"},
                           {"op": "rms_norm", "in": "x", "weight": "norm", "out": "x"}, {"op": "linear", "in": "x", "weight": "embed", "out": "logits"}]}
                """
            let source = try FakeModel(
                metadata: ["general.architecture": .string("tiny")], tensors: [("embed", .f32, [5, 4]), ("norm", .f32, shape)])
            return try Fixtures.withLibrary(["tiny": text]) { library, _ in
                try library.match(source).build(source, catalogue: fixture.catalogue)
            }
        }
        let row = try model([1, 4])
        #expect(row.weights["norm"]?.dims == [4])
        expectError(.mismatch, "has shape [2, 2]") { try model([2, 2]) }
    }
}
