package import HadalCore
package import HadalFormats

/// A GGUF file that is not written yet, as a loader would see it: its metadata and tensor directory.
package struct PlannedGGUF: ModelSource {
    package let format = ModelFormat.gguf
    package let name = "the GGUF file"
    package let configuration: JSONDocument? = nil
    package let tensorNames: [String]
    private let metadata: [ExactString: ExpressionValue]
    private let tensors: [ExactString: TensorInfo]

    /// - Parameter type: of each tensor.
    package init(_ layout: GGUFLayout, type: (GGUFLayout.Tensor) -> DType = { _ in .f32 }) {
        tensorNames = layout.tensors.map(\.name)
        // Floats are stored with 32 bits and read back in their shortest spelling.
        metadata = Dictionary(
            layout.metadata.map { key, value in
                guard case .float(let d) = value else { return (ExactString(key), value) }
                return (ExactString(key), .float(Double("\(Float(d))") ?? d))
            }, uniquingKeysWith: { a, _ in a })
        let file = name
        self.tensors = Dictionary(
            layout.tensors.map { tensor in
                let dtype = type(tensor)
                let bytes = dtype.byteCount(elements: tensor.shape.reduce(1) { $0 &* $1 }) ?? 0
                return (
                    ExactString(tensor.name),
                    TensorInfo(
                        name: tensor.name, dtype: dtype, shape: tensor.shape, file: file, shard: 0, range: 0..<bytes)
                )
            }, uniquingKeysWith: { a, _ in a })
    }

    package func metadataValue(_ key: String) -> ExpressionValue? { metadata[ExactString(key)] }
    package func tensorInfo(_ name: String) -> TensorInfo? { tensors[ExactString(name)] }
    package func tensorBytes(_ tensor: TensorInfo) throws -> UnsafeRawBufferPointer {
        throw HadalError(.notFound, "nothing is written yet", at: tensor.place)
    }
}
