import HadalArchitecture
import HadalCore
import HadalFormats
import TestSupport
import Testing

/// A model in memory: a configuration or metadata, and tensors with or without data.
final class FakeModel: ModelSource {
    let format: ModelFormat
    let name: String
    let configuration: JSONDocument?
    let metadata: [String: ExpressionValue]
    private let order: [String]
    private let tensors: [ExactString: TensorInfo]
    private let data: [String: ByteSource]

    init(
        config: String? = nil, file: String = "model/config.json", metadata: [String: ExpressionValue] = [:],
        tensors: [(name: String, dtype: DType, shape: [Int])] = [], data: [String: [UInt8]] = [:]
    ) throws {
        format = config == nil ? .gguf : .safetensors
        name = config == nil ? "model.gguf" : "model"
        configuration = try config.map { try JSONDocument(parsing: $0, file: file) }
        self.metadata = metadata
        let path = config == nil ? "model.gguf" : "model/model.safetensors"
        order = tensors.map(\.name)
        self.tensors = Dictionary(
            tensors.map { tensor in
                let count = tensor.dtype.byteCount(elements: tensor.shape.reduce(1, *)) ?? 0
                return (
                    ExactString(tensor.name),
                    TensorInfo(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, file: path, shard: 0, range: 0..<count)
                )
            }, uniquingKeysWith: { a, _ in a })
        self.data = data.mapValues { ByteSource(bytes: $0, name: "memory") }
    }

    var tensorNames: [String] { order }
    func metadataValue(_ key: String) -> ExpressionValue? { metadata[key] }
    func tensorInfo(_ name: String) -> TensorInfo? { tensors[ExactString(name)] }
    func tensorBytes(_ tensor: TensorInfo) throws -> UnsafeRawBufferPointer {
        guard let source = data[tensor.name] else { throw HadalError(.notFound, "no data", at: tensor.place) }
        return source.bytes
    }
}

/// Configurations and tensor directories of the reference checkpoints.
enum Families {
    static let dense = ["llama", "llama_untied", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "phi3", "phi3_longrope"]
    static let experts = ["mixtral", "qwen3_moe", "olmoe", "gpt_oss", "deepseek_v2_lite", "deepseek_v2", "deepseek_v3", "deepseek_v32"]
    static let checkpoints = dense + experts
    static let folder = Fixtures.path("architectures")

    static func config(_ name: String) throws -> String { try text("configs/\(name).json") }

    static func text(_ path: String) throws -> String {
        let file = try MappedFile(path: "\(folder)/\(path)")
        return String(decoding: file.bytes, as: UTF8.self)
    }

    static func tensors(_ name: String) throws -> [(name: String, dtype: DType, shape: [Int])] {
        let document = try JSONDocument(contentsOf: "\(folder)/tensors.json")
        return (document.root[name]?.object?.members ?? []).map { ($0.key, .bf16, ($0.value.array ?? []).compactMap(\.int)) }
    }

    /// A checkpoint without data; `edit` may change its configuration and tensors.
    static func model(
        _ name: String, spelling: String = "",
        edit: (inout String, inout [(name: String, dtype: DType, shape: [Int])]) -> Void = { _, _ in }
    ) throws -> FakeModel {
        var config = try config(name + spelling)
        var tensors = try tensors(name)
        edit(&config, &tensors)
        return try FakeModel(config: config, tensors: tensors)
    }

    /// A checkpoint with pieces of its configuration replaced, and without some of its tensors.
    static func changed(
        _ name: String, spelling: String = "", _ changes: [(String, String)], drop: (String) -> Bool = { _ in false }
    ) throws -> FakeModel {
        try model(name, spelling: spelling) { config, tensors in
            for (from, to) in changes {
                #expect(config.contains(from))
                config = config.replacing(from, with: to)
            }
            tensors.removeAll { drop($0.name) }
        }
    }

    /// The directory of a real GGUF file, without data.
    static func gguf(_ name: String) throws -> FakeModel {
        let document = try JSONDocument(contentsOf: "\(folder)/gguf.json")
        let entry = document.root[name]
        var metadata: [String: ExpressionValue] = [:]
        for member in entry?["metadata"]?.object?.members ?? [] { metadata[member.key] = ExpressionValue(member.value) }
        // The listing widened a float32.
        for (key, value) in metadata { if case .float(let d) = value { metadata[key] = .float(Double("\(Float(d))") ?? d) } }
        let tensors = (entry?["tensors"]?.object?.members ?? []).compactMap { member -> (String, DType, [Int])? in
            guard let items = member.value.array, let dtype = items.first?.string.flatMap({ DType(name: $0) }) else { return nil }
            return (member.key, dtype, items.dropFirst().compactMap(\.int))
        }
        return try FakeModel(metadata: metadata, tensors: tensors)
    }
}
