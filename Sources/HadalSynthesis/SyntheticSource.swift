import HadalArchitecture
import HadalCore
import HadalFormats

/// A GGUF file that is not written yet, as a loader would see it: its metadata and tensor directory.
struct SyntheticSource: ModelSource {
    let format = ModelFormat.gguf
    let name = "the GGUF file"
    let configuration: JSONDocument? = nil
    let tensorNames: [String]
    private let metadata: [ExactString: ExpressionValue]
    private let tensors: [ExactString: TensorInfo]

    init(layout: GGUFLayout, tensors: [SyntheticModel.Tensor]) {
        tensorNames = tensors.map(\.name)
        // Floats are stored with 32 bits and read back in their shortest spelling.
        metadata = Dictionary(
            layout.metadata.map { key, value in
                guard case .float(let d) = value else { return (ExactString(key), value) }
                return (ExactString(key), .float(Double("\(Float(d))") ?? d))
            }, uniquingKeysWith: { a, _ in a })
        let file = name
        self.tensors = Dictionary(
            tensors.map { tensor in
                (ExactString(tensor.name), TensorInfo(
                    name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, file: file, shard: 0, range: 0..<tensor.bytes))
            }, uniquingKeysWith: { a, _ in a })
    }

    func metadataValue(_ key: String) -> ExpressionValue? { metadata[ExactString(key)] }
    func tensorInfo(_ name: String) -> TensorInfo? { tensors[ExactString(name)] }
    func tensorBytes(_ tensor: TensorInfo) throws -> UnsafeRawBufferPointer {
        throw HadalError(.notFound, "nothing is written yet", at: tensor.place)
    }
}
