package import HadalCore
package import HadalFormats

/// A model that exists as a configuration alone: whatever tensor a description asks for is there, without data.
///
/// For planning and for making up models of any shape. Thread safety: immutable.
package struct PlannedModel: ModelSource {
    package let format: ModelFormat
    package let name: String
    package let configuration: JSONDocument?
    private let metadata: [String: ExpressionValue]
    private let dtype: @Sendable (String, [Int]) -> DType

    /// - Parameters:
    ///   - format: whose tensor names are used.
    ///   - metadata: GGUF metadata; `general.architecture` names the family in GGUF names.
    ///   - dtype: the type that a tensor of this name and shape would be stored in.
    package init(
        configuration: JSONDocument, format: ModelFormat = .safetensors, metadata: [String: ExpressionValue] = [:],
        dtype: @escaping @Sendable (String, [Int]) -> DType = { _, shape in shape.count > 1 ? .bf16 : .f32 }
    ) {
        self.configuration = configuration
        self.format = format
        self.metadata = metadata
        self.dtype = dtype
        name = configuration.file
    }

    package func metadataValue(_ key: String) -> ExpressionValue? { metadata[key] }
    package var tensorNames: [String] { [] }
    package func tensorInfo(_ name: String) -> TensorInfo? { nil }

    package func inventedTensor(_ name: String, shape: [Int]) -> TensorInfo? {
        TensorInfo(name: name, dtype: dtype(name, shape), shape: shape, file: self.name, shard: 0, range: 0..<0)
    }

    package func tensorBytes(_ tensor: TensorInfo) throws -> UnsafeRawBufferPointer {
        throw HadalError(.notFound, "a planned model has no tensor data", at: SourcePlace(name, .field(tensor.name)))
    }
}

extension ArchitectureDescription {
    /// What GGUF files of this family call themselves, if the description matches any.
    package var ggufArchitecture: String? {
        for condition in matches.flatMap(\.conditions) where condition.key == "general.architecture" {
            if let name = condition.values.first?.string { return name }
        }
        return nil
    }

    /// GGUF metadata that says what a model's parameters are, in the description's order.
    package func ggufMetadata(_ parameters: [ResolvedParameter]) -> [(key: String, value: ExpressionValue)] {
        guard let arch = ggufArchitecture else { return [] }
        let values = Dictionary(parameters.map { ($0.name, $0.value) }, uniquingKeysWith: { a, _ in a })
        return self.parameters.compactMap { spec in
            guard let key = spec.gguf.first, let value = values[spec.written ?? spec.name], !value.isNull else { return nil }
            return (BuildContext.replaceArch(key, arch), value)
        }
    }
}

extension ModelGraph {
    /// Every tensor that the model's weights are made of, by name.
    package var tensors: [TensorInfo] {
        var found: [ExactString: TensorInfo] = [:]
        for binding in weights.values {
            switch binding.content {
            case .stored(let recipe): for tensor in recipe.tensors { found[ExactString(tensor.name)] = tensor }
            case .rope(let table):
                guard case .divided(let short, let long) = table.scaling else { continue }
                for case .weight(let recipe)? in [short, long] { for tensor in recipe.tensors { found[ExactString(tensor.name)] = tensor } }
            }
        }
        return found.values.sorted { $0.name < $1.name }
    }
}
