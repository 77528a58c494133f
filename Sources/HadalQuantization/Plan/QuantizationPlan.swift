package import HadalArchitecture
public import HadalCore
public import HadalEngine
package import HadalFormats
package import HadalGraph

/// A GGUF file to be written from a model: what it will hold, decided before any tensor is read.
///
/// Immutable; holds no tensor data.
public struct QuantizationPlan: Sendable {
    public struct Tensor: Sendable {
        enum Content: Sendable {
            /// Made from the model's tensors.
            case stored(WeightRecipe)
            /// Calculated.
            case values([Float])
        }

        public let name: String
        /// Row-major.
        public let shape: [Int]
        public let dtype: DType
        public let roles: Set<TensorRole>
        /// The type that it is stored in now; nil for what is calculated.
        public let storedType: DType?
        /// The type that was meant, when rows of this length cannot be stored in it.
        public let wantedType: DType?
        let content: Content

        public var elements: Int { shape.reduce(1) { $0 &* $1 } }
        public var bytes: Int { dtype.byteCount(elements: elements) ?? 0 }
    }

    package let model: ModelFiles
    public let options: QuantizationOptions
    /// In the order in which it is written.
    package let metadata: [(key: String, value: MetadataValue)]
    public let tensors: [Tensor]
    /// What is left out, changed or not as asked; a sentence each.
    public let notes: [String]
    let alignment: Int

    public var elements: Int { tensors.reduce(0) { $0 &+ $1.elements } }
    /// Of the tensors; the file is larger by its header.
    public var bytes: Int { tensors.reduce(0) { $0 &+ $1.bytes } }

    /// Plans a file from the model in `path`: a GGUF file, or a Hugging Face directory.
    ///
    /// - Parameter paths: where descriptions of architectures and op folders lie beside those of the installation.
    /// - Throws: `invalidArgument` for a type or a rule that cannot be; `unsupported` for a family that GGUF files have no
    ///   form of; what an ill-formed model throws, with the place.
    public init(path: String, options: QuantizationOptions, paths: SearchPaths = SearchPaths()) throws {
        try self.init(ModelFiles.open(path: path), options: options, library: paths.architectures(), catalogue: paths.catalogue())
    }

    /// Plans a file.
    ///
    /// - Throws: `invalidArgument` for a type or a rule that cannot be; `unsupported` for a family that GGUF files have no
    ///   form of; what an ill-formed model throws, with the place.
    package init(_ model: ModelFiles, options: QuantizationOptions, library: ArchitectureLibrary, catalogue: OpCatalogue) throws {
        guard QuantizationRule.types.contains(options.type) else {
            throw HadalError(
                .invalidArgument, "a model cannot be stored as \(options.type.name)",
                hint: "types: \(QuantizationRule.types.map(\.name).joined(separator: " "))")
        }
        let contents =
            try model.kind == .gguf
            ? PlannedContents(gguf: model, options, library, catalogue) : PlannedContents(huggingFace: model, options, library, catalogue)
        self.model = model
        self.options = options
        alignment = contents.alignment
        let choice = TypeChoice(options: options)
        var used: Set<Int> = []
        tensors = contents.tensors.map { tensor in
            let result = choice.type(of: tensor.name, shape: tensor.shape, stored: tensor.storedType ?? .f32, roles: tensor.roles)
            if let rule = result.rule { used.insert(rule) }
            // Several rules may fit one tensor; only the last of them decides, but none of them is idle.
            for (i, rule) in options.rules.enumerated() where rule.matches(tensor.name, tensor.roles) { used.insert(i) }
            return Tensor(
                name: tensor.name, shape: tensor.shape, dtype: result.type, roles: tensor.roles, storedType: tensor.storedType,
                wantedType: result.wanted, content: tensor.content)
        }
        metadata = Self.metadata(contents.metadata, tensors, options)
        notes = contents.notes + Self.notes(tensors, options, used: used)
    }

    /// The metadata with what is said of types brought up to date.
    private static func metadata(
        _ entries: [(key: String, value: MetadataValue)], _ tensors: [Tensor], _ options: QuantizationOptions
    ) -> [(key: String, value: MetadataValue)] {
        var entries = entries
        func set(_ key: String, _ value: MetadataValue?) {
            let at = entries.firstIndex { ExactString($0.key) == ExactString(key) }
            if let at, let value {
                entries[at].value = value
            } else if let at {
                entries.remove(at: at)
            } else if let value {
                entries.append((key, value))
            }
        }
        // What most numbers are in, which rules may have made another type than the one asked for.
        var elements: [DType: Int] = [:]
        for tensor in tensors where tensor.shape.count > 1 { elements[tensor.dtype, default: 0] += tensor.elements }
        let most = elements.max { ($0.value, $1.key.rawValue) < ($1.value, $0.key.rawValue) }?.key ?? options.type
        set("general.file_type", most.fileType.map { .uint32($0) })
        set("general.quantization_version", tensors.contains { $0.dtype.isQuantised } ? .uint32(2) : nil)
        return entries
    }

    private static func notes(_ tensors: [Tensor], _ options: QuantizationOptions, used: Set<Int>) -> [String] {
        var notes: [String] = []
        for (i, rule) in options.rules.enumerated() where !used.contains(i) {
            notes.append("warning: the rule '\(rule.text)' matches no tensor")
        }
        var fallbacks: [String: (count: Int, first: Tensor)] = [:]
        for tensor in tensors {
            guard let wanted = tensor.wantedType else { continue }
            let key = "\(wanted.name) \(tensor.dtype.name)"
            fallbacks[key] = ((fallbacks[key]?.count ?? 0) + 1, fallbacks[key]?.first ?? tensor)
        }
        for (_, (count, tensor)) in fallbacks.sorted(by: { $0.key < $1.key }) {
            let wanted = tensor.wantedType ?? tensor.dtype
            notes.append(
                "\(count) tensor\(count == 1 ? " is" : "s are") \(tensor.dtype.name), not \(wanted.name): rows of \(tensor.shape.last ?? 0) "
                    + "are not whole blocks of \(wanted.blockElements) (\(tensor.name)\(count == 1 ? "" : " and others"))")
        }
        let again = tensors.filter { ($0.storedType?.isQuantised ?? false) && $0.storedType != $0.dtype }
        if !again.isEmpty {
            let types = Set(again.compactMap { $0.storedType?.name }).sorted().joined(separator: ", ")
            notes.append(
                "\(again.count) tensor\(again.count == 1 ? "" : "s") quantised before (\(types)): what was lost then stays lost; "
                    + "a model of F16, BF16 or F32 gives better results")
        }
        return notes
    }
}
