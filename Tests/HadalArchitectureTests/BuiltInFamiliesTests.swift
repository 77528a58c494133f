import HadalArchitecture
import HadalCore
import HadalFormats
import HadalGraph
import Testing
import TestSupport

@Suite struct BuiltInFamiliesTests {
    let fixture: FamilyFixture

    init() throws { fixture = try FamilyFixture() }

    @Test(arguments: Families.checkpoints)
    func bothSpellingsOfAConfigurationBuildOneGraph(name: String) throws {
        let old = try fixture.build(Families.model(name))
        let new = try fixture.build(Families.model(name, spelling: ".v5"))
        #expect(old.main.listing == new.main.listing)
        #expect(old.hidden == new.hidden)
        #expect(old.weights.mapValues(\.summary) == new.weights.mapValues(\.summary))
        #expect(old.contextLength == new.contextLength && old.vocabularySize == new.vocabularySize)
        for (key, binding) in old.weights {
            guard case .rope(let table) = binding.content, case .rope(let other)? = new.weights[key]?.content else { continue }
            #expect(table == other)
        }
    }

    @Test(arguments: Families.checkpoints)
    func everyTensorIsUsedAndEveryHiddenStateIsNamed(name: String) throws {
        let model = try fixture.build(Families.model(name))
        #expect(model.warnings.isEmpty)
        let hidden = try #require(model.hidden["main"])
        let wanted = ["hidden.embed", "hidden.norm"] + (0..<model.layerCount).map { "hidden.\($0)" }
        #expect(Set(hidden.keys) == Set(wanted))
        for index in hidden.values { #expect(model.main.values[index].dims == [.tokens, .fixed(model.width)]) }
        #expect(model.main.inputs.map { model.main.values[$0].name } == ["tokens", "positions", "rows"])
        let output = try #require(model.main.outputs.first)
        #expect(model.main.values[output].dims == [.rows, .fixed(model.vocabularySize)])
        #expect(Set(model.main.values.map(\.name)).count == model.main.values.count)
        #expect(Set(model.main.nodes.map(\.label)).count >= model.layerCount * 10)
    }

    @Test func attributesOfEachFamily() throws {
        func attention(_ name: String) throws -> [Graph.Node] { try fixture.build(Families.model(name)).main.nodes("attention") }
        #expect(try attention("llama").map { $0.int("window") } == [0, 0, 0])
        #expect(try attention("mistral").map { $0.int("window") } == [8, 8, 8])
        #expect(try attention("qwen2").map { $0.int("window") } == [0, 0, 0])
        #expect(try attention("gemma2").map { $0.int("window") } == [8, 0, 8, 0])
        #expect(try attention("gemma2").map { $0.float("softcap") } == [5, 5, 5, 5])
        #expect(try attention("gemma3_text").map { $0.int("window") } == [8, 8, 0, 8])
        #expect(try attention("gemma3_text").map { $0.float("softcap") } == [0, 0, 0, 0])
        #expect(try attention("phi3").map { $0.int("window") } == [9, 9, 9])
        let llama = try #require(try attention("llama").first)
        #expect(llama.int("heads") == 4 && llama.int("kv_heads") == 2 && llama.int("head_dim") == 16 && llama.float("scale") == 0.25)
        let qwen3 = try fixture.build(Families.model("qwen3")).main
        #expect(qwen3.nodes(labelled: "layers.0.attention.q").map(\.op) == ["rms_norm"])
        #expect(qwen3.nodes("rms_norm").map { $0.int("groups") } == [1, 4, 2, 1, 1, 4, 2, 1, 1, 4, 2, 1, 1])
        let gemma = try fixture.build(Families.model("gemma2")).main
        #expect(gemma.nodes("softcap").map { $0.float("cap") } == [9])
        #expect(gemma.nodes("scale").map { $0.float("factor") } == [8])
        #expect(Set(gemma.nodes("glu").map { $0.string("activation") }) == ["gelu_tanh"])
    }

    @Test func biasesFollowTheConfiguration() throws {
        let qwen2 = try fixture.build(Families.model("qwen2")).main
        func bias(_ label: String) -> String? { qwen2.nodes(labelled: label).first.flatMap { qwen2.weight($0, 2)?.name } }
        #expect(bias("layers.1.attention.qkv.q") == "q_bias.1")
        #expect(bias("layers.1.attention.attend.a") == nil)
        let biased = try Families.model("llama") { config, tensors in
            config = config.replacing("\"attention_bias\": false", with: "\"attention_bias\": true")
            for layer in 0..<3 {
                for (part, width) in [("q", 64), ("k", 32), ("v", 32), ("o", 64)] {
                    tensors.append(("model.layers.\(layer).self_attn.\(part)_proj.bias", .bf16, [width]))
                }
            }
        }
        let llama = try fixture.build(biased)
        #expect(llama.warnings.isEmpty)
        #expect(llama.weights.keys.filter { $0.hasSuffix("o_bias.2") }.count == 1)
    }

    @Test func theHeadIsTiedOrItsOwn() throws {
        let tied = try fixture.build(Families.model("llama"))
        #expect(tied.weights["head"] == nil)
        #expect(tied.main.nodes.last.flatMap { tied.main.weight($0, 1)?.name } == "embed")
        #expect(try fixture.build(Families.model("llama_untied")).weights["head"]?.plainTensor?.name == "lm_head.weight")
        // A tied checkpoint may hold a copy of the head; it is not worth a warning.
        let copy = try Families.model("llama") { $1.append(("lm_head.weight", .bf16, [384, 64])) }
        #expect(try fixture.build(copy).warnings.isEmpty)
    }

    @Test func normWeightsOfGemmaAreOneMoreThanStored() throws {
        let model = try fixture.build(Families.model("gemma2"))
        #expect(model.weights["attn_norm.0"]?.dtype == .f32)
        #expect(model.weights["attn_norm.0"]?.summary == "1.0 * model.layers.0.input_layernorm.weight + 1.0")
        #expect(try fixture.build(Families.gguf("gemma3")).weights["attn_norm.0"]?.plainTensor?.name == "blk.0.attn_norm.weight")
    }

    @Test func fusedProjectionsAreRowsOfOneTensor() throws {
        let model = try fixture.build(Families.model("phi3_longrope"))
        #expect(model.weights["q_proj.1"]?.summary == "rows 0..<64 of model.layers.1.self_attn.qkv_proj.weight")
        #expect(model.weights["v_proj.1"]?.summary == "rows 96..<128 of model.layers.1.self_attn.qkv_proj.weight")
        #expect(model.weights["up_proj.0"]?.summary == "rows 128..<256 of model.layers.0.mlp.gate_up_proj.weight")
        let rope = model.main.nodes("rope")
        #expect(rope.allSatisfy { $0.int("rotary") == 12 && $0.int("switch_length") == 16 })
        #expect(model.main.weights.first { $0.name == "rope.main" }?.dims == [2, 6])
        #expect(try fixture.build(Families.model("phi3")).main.nodes("rope").allSatisfy { $0.int("switch_length") == 0 })
    }

    @Test func localAndGlobalLayersRotateDifferently() throws {
        let model = try fixture.build(Families.model("gemma3_text"))
        let names = model.main.nodes("rope").map { model.main.weight($0, 2)?.name }
        #expect(names == ["local", "local", "local", "local", "main", "main", "local", "local"].map { "rope.\($0)" })
        guard case .rope(let local)? = model.weights["rope.local"]?.content, case .rope(let main)? = model.weights["rope.main"]?.content
        else { Issue.record("no tables"); return }
        #expect(local.theta == 10_000 && main.theta == 1_000_000)
    }

    /// As transformers 5 writes it: a set of rope parameters for each kind of layer.
    @Test func eachKindOfLayerHasItsOwnRopeParameters() throws {
        let model = try fixture.build(
            Families.model("gemma3_text") { config, _ in
                config = config.replacing(
                    "\"rope_scaling\": null",
                    with: """
                        "rope_parameters": {
                          "full_attention": {"rope_type": "yarn", "factor": 8, "rope_theta": 1000000, "original_max_position_embeddings": 16, "beta_fast": 8, "beta_slow": 2},
                          "sliding_attention": {"rope_type": "linear", "factor": 4, "rope_theta": 10000}
                        }
                        """
                ).replacing("\"attn_logit_softcapping\": null", with: "\"attn_logit_softcapping\": 3.0")
            })
        guard case .rope(let local)? = model.weights["rope.local"]?.content, case .rope(let main)? = model.weights["rope.main"]?.content
        else { Issue.record("no tables"); return }
        #expect(local.scaling == .linear(factor: 4))
        #expect(main.scaling == .yarn(factor: 8, betaFast: 8, betaSlow: 2, original: 16, truncate: true))
        #expect(model.main.nodes("attention").allSatisfy { $0.float("softcap") == 0 }, "the key is Gemma 2's; this family does not use it")
    }

    @Test(arguments: ["[\"yarn\", 4]", "\"yarn\"", "4"])
    func ropeScalingThatIsNoObjectIsAnError(text: String) throws {
        expectError(.mismatch, "rope_scaling is", "not an object") {
            try fixture.build(
                Families.model("qwen2") { config, _ in
                    config = config.replacing("\"rope_theta\"", with: "\"rope_scaling\": \(text), \"rope_theta\"")
                })
        }
    }

    @Test func aSilentMistralConfigurationHasAWindow() throws {
        func window(_ text: String) throws -> [Int] {
            try fixture.build(Families.model("mistral") { config, _ in config = config.replacing("\"sliding_window\": 8,", with: text) })
                .main.nodes("attention").compactMap { $0.int("window") }
        }
        #expect(try window("") == [4096, 4096, 4096])
        #expect(try window("\"sliding_window\": null,") == [0, 0, 0])
    }

    @Test func aMultimodalConfigurationKeepsTheTextPartApart() throws {
        let model = try Families.model("gemma3_text") { config, tensors in
            let text = config.replacing("\"gemma3_text\"", with: "\"inner\"")
            config = "{\"model_type\": \"gemma3\", \"hidden_size\": 7, \"text_config\": \(text)}"
            tensors = tensors.map { ("language_model." + $0.name, $0.dtype, $0.shape) }
            tensors.append(("vision_tower.patch.weight", .bf16, [3, 3]))
        }
        let built = try fixture.build(model)
        #expect(built.width == 64 && built.warnings.isEmpty)
        #expect(built.main.listing == (try fixture.build(Families.model("gemma3_text")).main.listing))
    }

    @Test func slidingWindowsOfQwen2() throws {
        let model = try Families.model("qwen2") { config, _ in
            config = config.replacing("\"use_sliding_window\": false", with: "\"use_sliding_window\": true")
                .replacing("\"max_window_layers\": 3", with: "\"max_window_layers\": 1")
        }
        #expect(try fixture.build(model).main.nodes("attention").map { $0.int("window") } == [0, 4096, 4096])
    }

    @Test func realGGUFFiles() throws {
        let smollm = try fixture.build(Families.gguf("smollm2"))
        #expect(smollm.reasons == ["matched llama because general.architecture is \"llama\""])
        #expect(smollm.warnings.isEmpty && smollm.layerCount == 30 && smollm.vocabularySize == 49152 && smollm.contextLength == 8192)
        #expect(smollm.main.nodes("rope").allSatisfy { $0.string("layout") == "adjacent" })
        #expect(smollm.main.weights.first { $0.name == "q_proj.7" }?.dtype == .q4_1)
        #expect(smollm.parameters.first { $0.name == "norm_eps" }?.value == .float(1e-5))
        #expect(smollm.parameters.first { $0.name == "d_model" }?.origin == "llama.embedding_length")
        let gemma = try fixture.build(Families.gguf("gemma3"))
        #expect(gemma.warnings.isEmpty)
        #expect(gemma.main.nodes("rope").allSatisfy { $0.string("layout") == "half" })
        #expect(gemma.main.nodes("attention").filter { $0.int("window") == 0 }.count == 3)
        #expect(gemma.main.nodes("attention").first?.float("scale") == 0.0625)
        #expect(gemma.stateBytesPerToken(.f16) == 18 * 2 * 256 * 2)
        #expect(gemma.stateBytesPerToken(.q8_0) == 18 * 2 * 256 / 32 * 34)
    }

    @Test func ggufOfPhi3HasFactorsInTensors() throws {
        let config = try JSONDocument(parsing: Families.config("phi3_longrope"), file: "config.json")
        let metadata: [String: ExpressionValue] = [
            "general.architecture": .string("phi3"), "phi3.embedding_length": .int(64), "phi3.block_count": .int(1),
            "phi3.attention.head_count": .int(4), "phi3.attention.head_count_kv": .int(2), "phi3.feed_forward_length": .int(128),
            "phi3.context_length": .int(128), "phi3.rope.scaling.original_context_length": .int(16),
            "phi3.rope.dimension_count": .int(12), "phi3.attention.layer_norm_rms_epsilon": .float(1e-5),
        ]
        _ = config
        func floats(_ values: [Float]) -> [UInt8] {
            values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
        }
        let model = try FakeModel(
            metadata: metadata,
            tensors: [
                ("token_embd.weight", .q8_0, [320, 64]), ("output_norm.weight", .f32, [64]), ("blk.0.attn_norm.weight", .f32, [64]),
                ("blk.0.attn_qkv.weight", .q8_0, [128, 64]), ("blk.0.attn_output.weight", .q8_0, [64, 64]),
                ("blk.0.ffn_norm.weight", .f32, [64]), ("blk.0.ffn_up.weight", .q8_0, [256, 64]),
                ("blk.0.ffn_down.weight", .q8_0, [64, 128]),
                ("rope_factors_long.weight", .f32, [6]), ("rope_factors_short.weight", .f32, [6]),
            ],
            data: [
                "rope_factors_long.weight": floats([1, 1.3, 2.1, 3.7, 5, 7.9]),
                "rope_factors_short.weight": floats([1, 1.05, 1.1, 1.3, 1.5, 1.8]),
            ])
        let built = try fixture.build(model)
        let reference = try fixture.build(Families.model("phi3_longrope"))
        #expect(built.warnings.isEmpty)
        #expect(built.main.nodes("rope").first?.float("scale") == reference.main.nodes("rope").first?.float("scale"))
        let table = try #require(built.weights["rope.main"]).materialise(from: model).floats()
        let wanted = try #require(reference.weights["rope.main"]).materialise(from: model).floats()
        #expect(zip(table, wanted).allSatisfy { abs($0 - $1) <= 1e-6 * abs($1) } && table.count == 12)
        #expect(built.weights["k_proj.0"]?.dtype == .q8_0)
    }

    @Test func aLlamaGGUFWithFrequencyFactorsUsesThem() throws {
        let plain = try Families.gguf("smollm2")
        let factors = (0..<32).map { Float(1) + Float($0) }
        let bytes = factors.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
        let tensors = try plain.tensorNames.map { name in
            let info = try #require(plain.tensorInfo(name))
            return (name, info.dtype, info.shape)
        }
        let model = try FakeModel(
            metadata: plain.metadata, tensors: tensors + [("rope_freqs.weight", .f32, [32])], data: ["rope_freqs.weight": bytes])
        let built = try fixture.build(model)
        let table = try #require(built.weights["rope.main"]).materialise(from: model).floats()
        let base = try #require(try fixture.build(plain).weights["rope.main"]).materialise(from: plain).floats()
        #expect(zip(table.indices, table).allSatisfy { abs($1 * factors[$0] - base[$0]) <= 1e-6 * base[$0] } && built.warnings.isEmpty)
    }

    @Test(
        .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"),
        arguments: Families.checkpoints + ["llama_sharded", "deepseek_v3_fp8"])
    func checkpointsOnDiskMaterialise(name: String) throws {
        let files = try ModelFiles.open(path: "\(Fixtures.goldens ?? "")/models/\(name)")
        let model = try fixture.build(files)
        for binding in try model.bindings(of: model.main) {
            let data = try binding.materialise(from: files)
            #expect(data.dims == binding.dims && data.dtype == binding.dtype)
            #expect(data.bytes.count == binding.dtype.byteCount(elements: binding.dims.reduce(1, *)))
            #expect(
                data.isMapped
                    == (binding.summary.hasPrefix("rows") || binding.plainTensor != nil || binding.summary.hasSuffix("block scales")))
        }
    }

    @Test func aPlannedModelNeedsNoFiles() throws {
        let config = try JSONDocument(parsing: Families.config("llama"), file: "config.json")
        let match = try fixture.library.match(PlannedModel(configuration: config))
        let planned = try match.build(PlannedModel(configuration: config), catalogue: fixture.catalogue)
        let real = try fixture.build(Families.model("llama"))
        #expect(planned.tensors.map(\.name) == real.tensors.map(\.name))
        #expect(planned.tensors.map(\.shape) == real.tensors.map(\.shape))
        let arch = try #require(match.description.ggufArchitecture)
        let gguf = PlannedModel(configuration: config, format: .gguf, metadata: ["general.architecture": .string(arch)])
        let names = try match.build(gguf, catalogue: fixture.catalogue).tensors.map(\.name)
        #expect(names.contains("blk.2.ffn_down.weight") && !names.contains("output.weight"))
        let metadata = match.description.ggufMetadata(planned.parameters)
        #expect(metadata.contains { $0.key == "llama.embedding_length" && $0.value == .int(64) })
    }
}
