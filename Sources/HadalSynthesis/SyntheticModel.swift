package import HadalArchitecture
package import HadalCore
package import HadalFormats
package import HadalGraph

/// A model of random weights, planned from an architecture and a configuration and written as GGUF.
///
/// It has the shapes, types and speed of the real model and says nothing sensible. Planning reads and holds no weights;
/// writing streams them. Immutable.
package struct SyntheticModel: Sendable {
    package struct Tensor: Sendable, Equatable {
        package let name: String
        /// Row-major.
        package let shape: [Int]
        package let dtype: DType
        /// Contents that the configuration determines; nil: random.
        let values: [Float]?
        /// Where random numbers lie, for a weight that an op's contract bounds (a rate of decay, say); nil: as those of other models do.
        var range: Range<Float>?

        package var elements: Int { shape.reduce(1) { $0 &* $1 } }
        package var bytes: Int { dtype.byteCount(elements: elements) ?? 0 }
    }

    /// What the file calls its family.
    package let architecture: String
    /// Everything but the tokenizer.
    package let metadata: [(key: String, value: MetadataValue)]
    package let tensors: [Tensor]
    package let vocabularySize: Int
    /// What the file cannot say, or says differently from what was asked for; a sentence each.
    package let notes: [String]
    private let bos: Int?
    private let eos: Int?

    package var parameters: Int { tensors.reduce(0) { $0 &+ $1.elements } }
    /// Of the tensors; the file is larger by its header.
    package var bytes: Int { tensors.reduce(0) { $0 &+ $1.bytes } }

    /// Plans a model and checks that what would be written can be read back as the model that was asked for.
    ///
    /// - Parameters:
    ///   - architecture: a name in the library, or the path of a description.
    ///   - configuration: a `config.json` as published checkpoints have it. Its `model_type` is not looked at.
    ///   - type: of matrices. A matrix whose rows are not whole blocks becomes Q8_0, or F16 if that does not fit either;
    ///     vectors are F32.
    /// - Throws: `invalidArgument` for a type that GGUF files do not hold; what a wrong configuration throws, with the key.
    package init(
        architecture: String, configuration: JSONDocument, type: DType, library: ArchitectureLibrary, catalogue: OpCatalogue
    ) throws {
        guard BlockCodec.dtypes.contains(type), type.rawValue < 1000 else {
            throw HadalError(.invalidArgument, "a model cannot be stored as \(type.name)")
        }
        let isPath = architecture.contains("/") || architecture.hasSuffix(".json")
        let description = try isPath ? library.description(file: architecture) : library.description(named: architecture)
        guard let family = try library.ggufArchitecture(of: description) else {
            throw HadalError(
                .unsupported, "'\(description.name)' has no name in GGUF files: nothing in 'match' names a general.architecture",
                at: description.files.last.map { SourcePlace($0) })
        }
        let planned = PlannedModel(configuration: configuration)
        let match = try library.match(planned, file: description.files.last ?? architecture)
        let layout = try match.ggufLayout(configuration, architecture: family, catalogue: catalogue)

        self.architecture = family
        vocabularySize = layout.model.vocabularySize
        var tensors = layout.tensors.map { tensor in
            Tensor(name: tensor.name, shape: tensor.shape, dtype: Self.storedType(tensor, asked: type), values: tensor.values)
        }
        metadata = try Self.metadata(layout, type)
        func id(_ key: String) -> Int? { configuration.root[key].flatMap { $0.int ?? $0.array?.first?.int } }
        bos = id("bos_token_id")
        eos = id("eos_token_id")

        let readBack = PlannedGGUF(layout) { Self.storedType($0, asked: type) }
        let again: ModelGraph
        do { again = try library.match(readBack).build(readBack, catalogue: catalogue) } catch let error as HadalError {
            throw HadalError(
                error.code, "the GGUF file of this model could not be read back: \(error.message)", at: error.place, hint: error.hint)
        }
        let ranges = try Self.ranges(again, catalogue)
        for index in tensors.indices { tensors[index].range = ranges[ExactString(tensors[index].name)] }
        self.tensors = tensors
        var notes = GraphDifference.notes(asked: layout.model, read: again)
        let fallbacks = tensors.filter { !Self.staysFloat($0.name, $0.shape) && $0.dtype != type }
        if !fallbacks.isEmpty {
            let types = Set(fallbacks.map(\.dtype.name)).sorted().joined(separator: " or ")
            notes.append(
                "\(fallbacks.count) of \(tensors.count) tensors are \(types), because their rows are not whole \(type.name) blocks")
        }
        self.notes = notes
    }

    /// Where the numbers of tensors lie that ops bound.
    private static func ranges(_ model: ModelGraph, _ catalogue: OpCatalogue) throws -> [ExactString: Range<Float>] {
        var ranges: [ExactString: Range<Float>] = [:]
        for graph in model.graphs.values {
            for node in graph.nodes {
                guard let inputs = catalogue.contracts[node.op]?.inputs else { continue }
                for (input, operand) in zip(inputs, node.inputs) {
                    guard let below = input.below, case .weight(let index) = operand,
                        case .stored(let recipe)? = model.weights[graph.weights[index].name]?.content, recipe.keepsNumbers
                    else { continue }
                    func number(_ expression: Expression?) throws -> Float {
                        Float(try expression?.evaluate { node.attributes[$0]?.expressionValue }.double ?? 0)
                    }
                    let (least, end) = (try number(input.minimum), try number(below))
                    guard least < end else { continue }
                    for tensor in recipe.tensors { ranges[ExactString(tensor.name)] = least..<end }
                }
            }
        }
        return ranges
    }

    /// The type that a converter would choose.
    private static func storedType(_ tensor: GGUFLayout.Tensor, asked: DType) -> DType {
        guard !staysFloat(tensor.name, tensor.shape), let columns = tensor.shape.last else { return .f32 }
        if columns % asked.blockElements == 0 { return asked }
        return columns % DType.q8_0.blockElements == 0 ? .q8_0 : .f16
    }

    /// Vectors, biases of experts and the weights that choose experts are small, matter much, and are F32 in every GGUF file; some
    /// programs take them in no other type.
    private static func staysFloat(_ name: String, _ shape: [Int]) -> Bool {
        shape.count < 2 || shape.last == 1 || name.hasSuffix(".bias") || name.hasSuffix(".ffn_gate_inp.weight")
    }

    private static func metadata(_ layout: GGUFLayout, _ type: DType) throws -> [(key: String, value: MetadataValue)] {
        var entries: [(key: String, value: MetadataValue)] = []
        for (key, value) in layout.metadata { entries.append((key, try MetadataValue(value, key: key))) }
        func add(_ key: String, _ value: MetadataValue) {
            if !entries.contains(where: { ExactString($0.key) == ExactString(key) }) { entries.append((key, value)) }
        }
        // Without the family: programs look for some families' names in it, and expect their special tokens then.
        add("general.name", MetadataValue("synthetic"))
        add("\(layout.architecture).vocab_size", .uint32(UInt32(clamping: layout.model.vocabularySize)))
        if type.isQuantised { add("general.quantization_version", .uint32(2)) }
        return entries
    }

    /// Writes the file. The same plan and seed give the same bytes on every machine.
    ///
    /// - Parameter progress: called after each tensor with the bytes of weights written and their total.
    package func write(to path: String, seed: UInt64 = 0, progress: ((_ done: Int, _ total: Int) -> Void)? = nil) throws {
        let vocabulary = SyntheticVocabulary(size: vocabularySize, bos: bos, eos: eos)
        let pools = PoolCache(seed: seed)
        let sources = tensors.map { tensor in
            if let values = tensor.values {
                return TensorSource(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, values: values)
            }
            return TensorSource(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape) { sink in
                var random = SplitMix64(seed: seed, label: tensor.name)
                if let range = tensor.range {
                    let values = (0..<tensor.elements).map { _ in random.number(in: range) }
                    return try TensorSource(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, values: values).produce(sink)
                }
                guard tensor.shape.count > 1, !tensor.name.hasSuffix(".bias"), let columns = tensor.shape.last else {
                    return try Self.vector(tensor, random, sink)
                }
                let deviation = Float(1 / Double(max(columns, 1)).squareRoot())
                if RandomMatrix.serves(elements: tensor.elements, columns: columns) {
                    return try RandomMatrix.produce(
                        tensor.dtype, elements: tensor.elements, columns: columns, deviation: deviation, random: random, sink)
                }
                try pools.pool(tensor.dtype, deviation).produce(total: tensor.bytes, random: random, sink)
            }
        }
        try GGUFWriter.write(to: path, metadata: metadata + vocabulary.metadata, tensors: sources, progress: progress)
    }

    /// Norms lie near 1, biases near 0.
    private static func vector(_ tensor: Tensor, _ random: SplitMix64, _ sink: TensorSource.Sink) throws {
        var random = random
        let centre: Float = tensor.name.hasSuffix(".bias") ? 0 : 1
        let values = (0..<tensor.elements).map { _ in centre + 0.05 * random.normal() }
        try values.withUnsafeBytes { try sink($0) }
    }
}

/// The pools of one writing, each made when it is first needed.
private final class PoolCache {
    private let seed: UInt64
    private var pools: [String: BlockPool] = [:]

    init(seed: UInt64) { self.seed = seed }

    func pool(_ dtype: DType, _ deviation: Float) throws -> BlockPool {
        let key = "\(dtype.rawValue) \(deviation.bitPattern)"
        if let known = pools[key] { return known }
        let pool = try BlockPool(dtype, deviation: deviation, seed: seed)
        pools[key] = pool
        return pool
    }
}
