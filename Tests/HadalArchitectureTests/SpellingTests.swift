import Foundation
import HadalArchitecture
import HadalCore
import HadalGraph
import Testing
import TestSupport

/// Spellings of transformers 4 and 5 and of GGUF files, which one counts where several stand, and what is said of keys that nothing reads.
@Suite struct SpellingTests {
    private func build(_ source: FakeModel) throws -> ModelGraph {
        try ArchitectureLibrary().match(source).build(source, catalogue: OpCatalogue.load())
    }

    /// A checkpoint whose configuration has members added in front, after those of `without` are removed.
    private func model(_ name: String, _ members: String, without: [String] = []) throws -> FakeModel {
        try Families.model(name) { config, _ in
            var root = (try? JSONDocument(parsing: config, file: "c").root.object) ?? JSONObject([])
            for key in without { root[key] = nil }
            let rest = JSON(.object(root)).text()
            config = "{\(members), \(rest.dropFirst())"
        }
    }

    private func table(_ built: ModelGraph, _ name: String = "main") throws -> RopeTable {
        guard case .rope(let table)? = built.weights["rope.\(name)"]?.content else { throw HadalError(.notFound, "no table") }
        return table
    }

    static let rotary: [(config: String, theta: Double, scaling: RopeTable.Scaling)] = [
        (#""rope_theta": 500.0"#, 500, .plain),
        (#""rope_theta": 500.0, "rope_parameters": {"rope_type": "default", "rope_theta": 300.0}"#, 300, .plain),
        (#""rope_theta": 500.0, "rope_parameters": {"rope_type": "linear", "factor": 3.0}"#, 500, .linear(factor: 3)),
        (#""rope_theta": 500.0, "rope_scaling": {"type": "linear", "factor": 2.0, "rope_theta": 99.0}"#, 99, .linear(factor: 2)),
        // The old name wins as a whole, even over a base that only the new one has.
        (
            #""rope_scaling": {"rope_type": "linear", "factor": 2.0}, "rope_parameters": {"rope_type": "default", "rope_theta": 300.0}"#,
            10000, .linear(factor: 2)
        ),
        (#""rope_scaling": {}, "rope_parameters": {"rope_type": "linear", "factor": 3.0, "rope_theta": 300.0}"#, 300, .linear(factor: 3)),
        (#""rope_scaling": null, "rope_parameters": {"rope_type": "linear", "factor": 3.0, "rope_theta": 300.0}"#, 300, .linear(factor: 3)),
        (
            #""rope_scaling": {"rope_type": "yarn", "type": "linear", "factor": 2.0}"#, 10000,
            .yarn(factor: 2, betaFast: 32, betaSlow: 1, original: 512, truncate: true)
        ),
        (
            #""original_max_position_embeddings": 32, "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}"#,
            10000,
            .yarn(factor: 4, betaFast: 32, betaSlow: 1, original: 32, truncate: true)
        ),
        // A factor that is not stated follows from the lengths.
        (
            #""rope_scaling": {"type": "yarn", "original_max_position_embeddings": 128}"#, 10000,
            .yarn(factor: 4, betaFast: 32, betaSlow: 1, original: 128, truncate: true)
        ),
        (
            #""rope_scaling": {"type": "longrope", "original_max_position_embeddings": 128, "short_factor": [1, 2, 3, 4], "long_factor": [5, 6, 7, 8]}"#,
            10000,
            .divided(short: .numbers([1, 2, 3, 4]), long: .numbers([5, 6, 7, 8]))
        ),
        (#""rope_scaling": {"type": "dynamic", "factor": 2.0}"#, 10000, .plain),
        (#""rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 2]}"#, 10000, .plain),
    ]

    @Test(arguments: rotary)
    func rotarySettingsOfAConfiguration(config: String, theta: Double, scaling: RopeTable.Scaling) throws {
        let keys = ["rope_theta", "rope_scaling", "rope_parameters", "max_position_embeddings"]
        let built = try build(model("llama_untied", config + #", "max_position_embeddings": 512"#, without: keys))
        let found = try table(built)
        #expect(found.theta == theta && found.scaling == scaling)
        #expect(built.warnings.isEmpty, "\(built.warnings)")
    }

    @Test(arguments: [
        (#""rope_scaling": {"type": "dynamic", "factor": 2.0}"#, "config.json rope_scaling.type"),
        (#""rope_parameters": {"rope_type": "dynamic", "factor": 2.0}"#, "config.json rope_parameters.rope_type"),
        (#""rope_scaling": {"type": "linear", "factor": 2.0}"#, nil),
    ])
    func frequenciesThatFollowTheLengthAreNamed(config: String, key: String?) throws {
        #expect(try build(model("llama_untied", config, without: ["rope_scaling", "rope_parameters"])).dynamicRope == key)
    }

    static let files: [(metadata: [String: ExpressionValue], scaling: RopeTable.Scaling, scale: Double)] = [
        ([:], .plain, 1), (["llama.rope.scale_linear": .float(2)], .linear(factor: 2), 1),
        (["llama.rope.scaling.factor": .float(2)], .linear(factor: 2), 1),
        (["llama.rope.scaling.factor": .float(4), "llama.rope.scale_linear": .float(2)], .linear(factor: 4), 1),
        (["llama.rope.scaling.factor": .float(2), "llama.rope.scaling.type": .string("none")], .plain, 1),
        (["llama.rope.scaling.factor": .float(1)], .plain, 1), (["llama.rope.scaling.attn_factor": .float(0.5)], .plain, 0.5),
        (
            [
                "llama.rope.scaling.type": .string("yarn"), "llama.rope.scaling.factor": .float(1),
                "llama.rope.scaling.attn_factor": .float(0.5),
            ],
            .yarn(factor: 1, betaFast: 32, betaSlow: 1, original: 512, truncate: true), 0.5
        ),
    ]

    /// A GGUF file of the llama checkpoint without its rotary scaling, with more metadata.
    private func gguf(_ more: [String: ExpressionValue]) throws -> FakeModel {
        let configuration = try JSONDocument(parsing: Families.config("llama_untied"), file: "config.json")
        let planned = PlannedModel(configuration: configuration)
        let layout = try ArchitectureLibrary().match(planned).ggufLayout(
            configuration, architecture: "llama", catalogue: OpCatalogue.load())
        var metadata = Dictionary(layout.metadata.map { ($0.key, $0.value) }, uniquingKeysWith: { a, _ in a })
        metadata["llama.context_length"] = .int(512)
        metadata["llama.rope.scaling.original_context_length"] = .int(512)
        metadata.merge(more) { $1 }
        return try FakeModel(metadata: metadata, tensors: layout.tensors.map { ($0.name, .f32, $0.shape) })
    }

    @Test(arguments: files)
    func rotarySettingsOfAGGUFFile(metadata: [String: ExpressionValue], scaling: RopeTable.Scaling, scale: Double) throws {
        let built = try build(gguf(metadata))
        #expect(try table(built).scaling == scaling && table(built).scale == scale)
        #expect(built.warnings.isEmpty, "\(built.warnings)")
    }

    static let patterns: [(value: ExpressionValue?, windows: [Int])] = [
        (nil, [8, 8, 8, 8, 8, 0]), (.int(2), [8, 0, 8, 0, 8, 0]),
        (.array([true, false, false, true, true, true].map { .bool($0) }), [8, 0, 0, 8, 8, 8]),
    ]

    /// One number for all layers, or one truth value for each.
    @Test(arguments: patterns)
    func slidingLayersOfAGGUFFile(value: ExpressionValue?, windows: [Int]) throws {
        let text = try Families.config("gemma3_text")
        let configuration = try JSONDocument(parsing: text, file: "config.json")
        let planned = PlannedModel(configuration: configuration)
        let layout = try ArchitectureLibrary().match(planned).ggufLayout(
            configuration, architecture: "gemma3", catalogue: OpCatalogue.load())
        var metadata = Dictionary(layout.metadata.map { ($0.key, $0.value) }, uniquingKeysWith: { a, _ in a })
        metadata["gemma3.attention.sliding_window_pattern"] = value
        metadata["gemma3.block_count"] = .int(6)
        var tensors: [(name: String, dtype: DType, shape: [Int])] = layout.tensors.filter { !$0.name.hasPrefix("blk.") }.map {
            ($0.name, .f32, $0.shape)
        }
        for tensor in layout.tensors where tensor.name.hasPrefix("blk.0.") {
            for layer in 0..<6 { tensors.append(("blk.\(layer).\(tensor.name.dropFirst("blk.0.".count))", .f32, tensor.shape)) }
        }
        let built = try build(FakeModel(metadata: metadata, tensors: tensors))
        #expect(built.main.nodes("attention").map { $0.int("window") } == windows)
        #expect(built.warnings.isEmpty, "\(built.warnings)")
    }

    @Test func aListOfOneValueIsThatValue() throws {
        let plain = try build(gguf([:]))
        let heads = try #require(plain.parameters.first { $0.name == "n_heads" }?.value)
        let listed = try build(gguf(["llama.attention.head_count": .array([heads, heads])]))
        #expect(listed.parameters.first { $0.name == "n_heads" }?.value == heads)
        expectError(.unsupported, "llama.attention.head_count) differs between layers") {
            try build(gguf(["llama.attention.head_count": .array([.int(4), .int(8)])]))
        }
    }

    @Test(arguments: [
        ("llama_untied", #""clip_qkv": 8.0"#, "clip_qkv is 8.0, which llama does not use"),
        ("llama_untied", #""attn_logit_softcapping": 30.0"#, "attn_logit_softcapping is 30.0"),
        ("llama_untied", #""sliding_window": 4096"#, "sliding_window is 4096"),
        ("llama_untied", #""layer_types": ["full_attention", "sliding_attention"]"#, "layer_types is"),
        ("qwen3", #""attention_multiplier": 0.5"#, "attention_multiplier is 0.5"),
        ("mixtral", #""routed_scaling_factor": 2.5"#, "routed_scaling_factor is 2.5, which mixtral does not use"),
        ("llama_untied", #""use_qk_norm": true"#, "use_qk_norm is true"),
        ("llama_untied", #""rope_scaling": {"type": "linear", "factor": 2.0, "alpha": 1000.0}"#, "rope_scaling.alpha is 1000.0"),
    ])
    func keysOfAConfigurationThatNothingReads(name: String, member: String, message: String) throws {
        let warnings = try build(model(name, member, without: ["sliding_window", "layer_types", "rope_scaling"])).warnings
        #expect(
            warnings.count == 1 && warnings.first?.hasPrefix("model/config.json:1:") == true && warnings.first?.contains(message) == true,
            "\(warnings)")
    }

    @Test(arguments: [
        #""clip_qkv": null"#, #""attn_logit_softcapping": 0"#, #""sliding_window": 4096, "use_sliding_window": false"#,
        #""layer_types": ["full_attention"]"#,
        #""routed_scaling_factor": 1"#, #""mlp_only_layers": []"#, #""use_qk_norm": false"#,
        #""rope_scaling": {"type": "linear", "factor": 2.0, "alpha": 1}"#,
    ])
    func valuesThatChangeNothing(member: String) throws {
        #expect(try build(model("llama_untied", member, without: ["sliding_window", "layer_types", "rope_scaling"])).warnings.isEmpty)
    }

    static let unread: [(key: String, value: ExpressionValue)] = [
        ("llama.attention.causal", .bool(false)), ("llama.attention.clamp_kqv", .float(8)), ("llama.logit_scale", .float(0.5)),
        ("llama.final_logit_softcapping", .float(30)), ("llama.rope.scaling.alpha", .float(1000)),
        ("llama.expert_weights_scale", .float(2.5)),
        ("llama.attention.temperature_length", .int(8192)), ("llama.swin_norm", .bool(true)),
    ]

    @Test(arguments: unread)
    func metadataThatNothingReads(key: String, value: ExpressionValue) throws {
        let warnings = try build(gguf([key: value])).warnings
        #expect(warnings == ["model.gguf: \(key): \(key) is \(value), which llama does not use"])
        let neutral: ExpressionValue = value.bool.map { .bool(!$0) } ?? .int(0)
        #expect(try build(gguf([key: neutral])).warnings.isEmpty)
    }

    /// Neither spelling of any reference configuration leaves something unread.
    @Test(arguments: Families.checkpoints)
    func referenceConfigurationsAreRead(name: String) throws {
        for spelling in ["", ".v5"] { #expect(try build(Families.model(name, spelling: spelling)).warnings.isEmpty, "\(name)\(spelling)") }
    }
}
