import Foundation
import HadalArchitecture
import HadalCore
import HadalEngine
import HadalFormats
import TestSupport
@testable import HadalQuantization

/// Models, plans and files for these tests.
enum Quantizing {
    /// Checkpoints of every family that GGUF files have a form of: those committed with the tests, or all beside the checkout.
    static let families: [String] =
        further
        + {
            guard let goldens = Fixtures.goldens else {
                return ["llama", "gemma3_text", "phi3_longrope"].map { Fixtures.path("models/\($0)") }
            }
            return [
                "llama", "llama_sharded", "llama_untied", "qwen2", "qwen3", "mistral", "gemma2", "gemma3_text", "phi3", "phi3_longrope",
                "mixtral",
                "qwen3_moe", "olmoe", "gpt_oss", "deepseek_v2_lite", "deepseek_v2", "deepseek_v3", "deepseek_v3_fp8",
                "deepseek_v32", "dbrx", "falcon", "glm4_moe_lite", "gpt2", "hy_v3", "kimi_k2", "phi", "starcoder2", "qwen3_next", "qwen3_5",
                "qwen3_5_text", "qwen3_5_moe", "lfm2", "lfm2_moe", "mamba2", "bamba", "falcon_h1", "granitemoehybrid", "nemotron_h",
                "jamba",
                "kimi_linear",
            ].map { "\(goldens)/models/\($0)" }
        }()

    /// Those of them whose names tell what the computation does: not where what every token passes is computed as an expert, nor where inputs of
    /// layers have projections of their own.
    static let named = families.filter { path in
        !["qwen3_next", "qwen3_5_moe", "gemma4"].contains { path.hasSuffix("/\($0)") }
    }

    /// Tiny checkpoints of further families that have a GGUF form.
    static let further = [
        "arcee", "cohere", "ernie4_5_moe", "exaone", "falcon_one_norm", "falcon_refined", "gemma", "glm_moe_dsa", "gpt_neox",
        "hunyuan_v1_dense",
        "hunyuan_v1_moe", "mimo_v2_flash", "minimax_m2", "nemotron", "olmo", "stablelm", "apertus", "gemma4", "gemma4_keys", "llama4",
        "minimax_m3", "ministral3",
        "phimoe",
    ].map { Fixtures.path("models/families/\($0)") }

    static func plan(_ model: ModelFiles, _ type: DType, rules: [String] = [], pure: Bool = false) throws -> QuantizationPlan {
        var options = QuantizationOptions(type: type)
        options.rules = try rules.map { try QuantizationRule($0) }
        options.isPure = pure
        let environment = SearchPaths()
        return try QuantizationPlan(
            model, options: options, library: try environment.architectures(), catalogue: try environment.catalogue())
    }

    static func graph(_ model: ModelFiles) throws -> ModelGraph {
        let environment = SearchPaths()
        return try environment.architectures().match(model).build(model, catalogue: try environment.catalogue())
    }

    /// Runs `body` with a folder that is gone afterwards.
    static func withFolder<T>(_ body: (String) throws -> T) throws -> T {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try body(folder)
    }

    /// Reproducible numbers, roughly normal.
    static func numbers(_ count: Int, seed: UInt64 = 1) -> [Float] {
        var random = SplitMix64(seed: seed, label: "quantizing")
        return (0..<count).map { _ in (0..<4).reduce(Float(-2)) { sum, _ in sum + Float(random.next() >> 40) / Float(1 << 24) } }
    }

    static func floats(_ model: ModelFiles, _ name: String) throws -> [Float] {
        guard let tensor = try model.tensor(named: name) else { throw HadalError(.notFound, name) }
        return try WeightRows(.tensor(tensor), of: model).floats()
    }

    /// A GGUF file in memory or on disk with these tensors, of a family that no description knows.
    static func write(
        _ path: String, _ tensors: [TensorSource],
        metadata: [(key: String, value: MetadataValue)] = [("general.architecture", MetadataValue("nobody"))]
    ) throws { try GGUFWriter.write(to: path, metadata: metadata, tensors: tensors) }
}
