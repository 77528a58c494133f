import EngineTestSupport
import Foundation
import HadalCore
import HadalEngine
import HadalFormats
import TestSupport

/// A checkpoint with what the reference implementation computes from it.
struct Golden {
    let name: String
    let path: String
    private let file: SafetensorsFile

    init(path: String) throws {
        self.path = path
        name = (path as NSString).lastPathComponent
        file = try SafetensorsFile(path: "\(path)/golden.safetensors")
    }

    /// A float tensor; nil when the file has none of that name.
    func floats(_ name: String) throws -> [Float]? {
        guard let tensor = file.tensors.first(where: { $0.name == name }) else { return nil }
        return UnsafeRawBufferPointer(rebasing: file.source.bytes[tensor.range]).bindMemory(to: Float.self).map { $0 }
    }

    func ids(_ name: String) throws -> [Int32] {
        guard let tensor = file.tensors.first(where: { $0.name == name }) else { return [] }
        return UnsafeRawBufferPointer(rebasing: file.source.bytes[tensor.range]).bindMemory(to: Int64.self).map { Int32($0) }
    }

    var hiddenNames: [String] { file.tensors.map(\.name).filter { $0.hasPrefix("hidden.") } }

    /// Families with experts, and the backends that run them.
    static let experts: [(name: String, backends: [String])] = [
        "mixtral", "qwen3_moe", "olmoe", "gpt_oss", "deepseek_v2_lite", "deepseek_v2", "deepseek_v3", "deepseek_v3_fp8",
        "deepseek_v32", "dbrx", "ernie4_5_moe", "glm4_moe_lite", "glm_moe_dsa", "hunyuan_v1_moe", "hy_v3", "kimi_k2", "mimo_v2_flash",
        "minimax_m2", "gemma4_26b_a4b", "llama4_text", "minimax_m3", "mistral4", "phimoe",
    ].map { ($0, ["reference", "cpu"]) }

    /// Families with states of fixed size in some layers or all.
    static let recurrent = [
        "qwen3_next", "qwen3_5", "qwen3_5_moe", "lfm2_moe", "mamba2", "bamba", "falcon_h1", "granitemoehybrid",
        "nemotron_h", "jamba", "kimi_linear",
    ]

    /// Tiny checkpoints that are committed with the tests: of families that the goldens beside the checkout lack, and with other
    /// switches than those have.
    static let further = [
        "qwen2_moe", "smollm3", "olmo2", "olmo3", "granite", "granite_moe", "glm4", "glm4_moe", "exaone4", "cohere2", "seed_oss",
        "ernie4_5", "dots1", "arcee", "cohere", "dbrx", "ernie4_5_moe", "exaone", "falcon_serial", "falcon_one_norm", "falcon_refined",
        "gemma",
        "glm4_moe_lite", "glm_moe_dsa", "gpt2", "gpt_neox", "hunyuan_v1_dense", "hunyuan_v1_moe", "hy_v3", "mimo_v2_flash", "minimax_m2",
        "nemotron", "olmo", "phi", "stablelm", "starcoder2", "apertus", "gemma4", "gemma4_keys", "llama4", "minimax_m3", "ministral3",
        "mistral4", "phimoe", "lfm2", "qwen3_5_text",
    ].map { Fixtures.path("models/families/\($0)") }

    /// Every checkpoint with each backend that is to run it.
    static var cases: [(String, String)] {
        let dense = (families + further).flatMap { family in ["reference", "cpu"].map { (family, $0) } }
        guard let goldens = Fixtures.goldens else { return dense }
        let others = experts + recurrent.map { ($0, ["reference", "cpu"]) }
        return dense + others.flatMap { entry in entry.backends.map { ("\(goldens)/models/\(entry.name)", $0) } }
    }

    /// Dense families: those committed with the tests, or all that lie beside the checkout.
    static var families: [String] {
        let dense = [
            "llama", "llama_sharded", "llama_untied", "qwen2", "qwen3", "mistral", "gemma2", "gemma3_text", "phi3", "phi3_longrope",
            "arcee", "cohere", "cohere_qknorm", "exaone", "falcon", "falcon_new", "gemma", "gpt2", "gpt_neox", "hunyuan_v1_dense",
            "nemotron",
            "olmo", "phi", "stablelm", "stablelm_qknorm", "starcoder2", "apertus", "gemma4_31b", "gemma4_e2b", "ministral3",
        ]
        guard let goldens = Fixtures.goldens else {
            return ["llama", "gemma3_text", "phi3_longrope"].map { Fixtures.path("models/\($0)") }
        }
        return dense.map { "\(goldens)/models/\($0)" }
    }

    static func options(_ backend: String, observe: EngineOptions.Observation = .none) -> EngineOptions {
        .test(backend, observe: observe)
    }
}
