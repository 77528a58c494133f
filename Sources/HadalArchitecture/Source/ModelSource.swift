package import HadalCore
public import HadalFormats

/// What a description needs to know of a model: its configuration and its tensor directory.
///
/// Only `bytes(of:)` reads tensor data, so that a graph can be built for a model whose data are absent.
package protocol ModelSource: Sendable {
    var format: ModelFormat { get }
    /// The model's path, for messages.
    var name: String { get }
    /// `config.json`; nil for GGUF.
    var configuration: JSONDocument? { get }
    /// What the model says of quantised weights; nil for nothing, and for GGUF.
    var quantization: WeightQuantization? { get }
    /// A GGUF metadata value; nil when absent, or when it is no scalar and no array of scalars.
    func metadataValue(_ key: String) -> ExpressionValue?
    var tensorNames: [String] { get }
    /// - Throws: for a tensor in a type that is not read.
    func tensorInfo(_ name: String) throws -> TensorInfo?
    /// A tensor's data as stored, valid while `self` lives.
    func tensorBytes(_ tensor: TensorInfo) throws -> UnsafeRawBufferPointer
    /// What may be wrong when a tensor is missing; nil: nothing particular.
    var missingTensorHint: String? { get }
    /// A tensor made up as it is asked for, when a model is planned from its configuration alone; nil: tensors are found in files.
    func inventedTensor(_ name: String, shape: [Int]) -> TensorInfo?
}

extension ModelSource {
    package var quantization: WeightQuantization? { configuration.flatMap { WeightQuantization($0) } }
    package var missingTensorHint: String? { nil }
    package func inventedTensor(_ name: String, shape: [Int]) -> TensorInfo? { nil }
}

extension ModelFiles: ModelSource {
    package var format: ModelFormat { kind == .gguf ? .gguf : .safetensors }
    package var name: String { path }
    package var configuration: JSONDocument? { configDocument }
    package var quantization: WeightQuantization? { huggingFace?.quantization }

    package var missingTensorHint: String? { huggingFace?.missingTensorHint }

    package func metadataValue(_ key: String) -> ExpressionValue? { metadata(key).flatMap { ExpressionValue($0) } }

    package func tensorInfo(_ name: String) throws -> TensorInfo? { try tensor(named: name) }

    package func tensorBytes(_ tensor: TensorInfo) throws -> UnsafeRawBufferPointer { try mappedBytes(of: tensor) }
}

extension ExpressionValue {
    /// Arrays longer than this are vocabulary, not configuration.
    private static let maximumMetadataArray = 65_536

    init?(_ metadata: MetadataValue) {
        switch metadata {
        case .bool(let b): self = .bool(b)
        case .string(let s):
            guard let text = s.text else { return nil }
            self = .string(text)
        case .float32(let f): self = .float(Self.shortest(f))
        case .float64(let d): self = .float(d)
        case .array(let array):
            guard array.count <= Self.maximumMetadataArray else { return nil }
            var items: [ExpressionValue] = []
            for i in 0..<array.count {
                if case .array = array[i] { return nil }
                guard let item = ExpressionValue(array[i]) else { return nil }
                items.append(item)
            }
            self = .array(items)
        default:
            guard let i = metadata.int else { return nil }
            self = .int(i)
        }
    }

    /// The double that is written as the float is: 1e-5 stored as a float is meant to be 1e-5.
    private static func shortest(_ value: Float) -> Double { Double("\(value)") ?? Double(value) }
}

/// The two ways in which weights are stored; formulas see it as `format`.
package enum ModelFormat: String, Sendable, CaseIterable {
    case safetensors
    case gguf
}
