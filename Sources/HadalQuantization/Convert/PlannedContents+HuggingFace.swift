import HadalArchitecture
import HadalCore
import HadalFormats
import HadalGraph
import HadalText

extension PlannedContents {
    /// Of a Hugging Face directory: the same model as GGUF files of its family hold it.
    ///
    /// The description says how each weight is made from a directory's tensors and how from a file's. The second, turned
    /// round, says what the file must hold.
    init(huggingFace model: ModelFiles, _ options: QuantizationOptions, _ library: ArchitectureLibrary, _ catalogue: OpCatalogue) throws {
        guard let directory = model.huggingFace, let configuration = model.configDocument else {
            throw HadalError(.notFound, "no model directory", at: SourcePlace(model.path))
        }
        let match = try options.architecture.map { try library.match(model, file: $0) } ?? library.match(model)
        guard let family = try library.ggufArchitecture(of: match.description) else {
            throw HadalError(
                .unsupported, "'\(match.description.name)' has no name in GGUF files: nothing in 'match' names a general.architecture",
                at: match.description.files.last.map { SourcePlace($0) })
        }
        let source = try match.build(model, catalogue: catalogue)
        let layout: GGUFLayout
        do { layout = try match.ggufLayout(of: source, configuration, architecture: family) } catch let error as HadalError {
            throw HadalError(error.code, "this model has no GGUF form: \(error.message)", at: error.place, hint: error.hint)
        }
        let planned = PlannedGGUF(layout)
        let result: ModelGraph
        do {
            result = try (options.architecture.map { try library.match(planned, file: $0) } ?? library.match(planned)).build(
                planned, catalogue: catalogue)
        } catch let error as HadalError {
            throw HadalError(
                error.code, "the GGUF file of this model could not be read back: \(error.message)", at: error.place, hint: error.hint)
        }
        let rotations = try RotaryOrder.changes(from: source.main, to: result.main, catalogue)
        notes = source.warnings + GraphDifference.notes(asked: source, read: result)
        for graph in layout.omittedGraphs {
            notes.append("GGUF files of this family do not hold the graph '\(graph)'; its weights are left out")
        }

        var shares: [ExactString: [WeightRecipe.Share]] = [:]
        for part in layout.parts {
            guard case .stored(var recipe)? = source.weights[part.weight]?.content else { continue }
            if let change = rotations[part.weight] { recipe = change.applied(to: recipe) }
            for share in try part.recipe.shares(giving: recipe) { shares[ExactString(share.tensor.name), default: []].append(share) }
        }
        let roles = Self.roles(result, catalogue)
        tensors = try layout.tensors.map { tensor in
            let found = roles[ExactString(tensor.name)] ?? []
            if let values = tensor.values {
                return Tensor(name: tensor.name, shape: tensor.shape, storedType: nil, roles: found, content: .values(values))
            }
            guard let parts = shares[ExactString(tensor.name)], let first = parts.first else {
                throw HadalError(.mismatch, "no weight of the model belongs to tensor '\(tensor.name)'", at: SourcePlace(model.path))
            }
            let recipe = try WeightRecipe.assemble(first.tensor, from: parts)
            let shape = try recipe.shape()
            guard shape.dims == tensor.shape else {
                throw HadalError(
                    .mismatch, "tensor '\(tensor.name)' would have shape \(shape.dims), not \(tensor.shape)", at: SourcePlace(model.path))
            }
            // Parts of packed formats are bytes; what they make is a type.
            let stored = recipe.tensors.first?.dtype ?? shape.dtype
            return Tensor(
                name: tensor.name, shape: tensor.shape, storedType: BlockCodec.dtypes.contains(stored) ? stored : shape.dtype, roles: found,
                content: .stored(recipe))
        }
        metadata = try Self.metadata(layout, directory, vocabularySize: source.vocabularySize)
        for key in Self.generationWithoutKeys where directory.generationConfig?.root[key].map({ !$0.isNull }) ?? false {
            notes.append("'\(key)' of generation_config.json is left out: GGUF has no key for it")
        }
        if options.omitsTokenizer {
            metadata += Self.noVocabulary
        } else if let text = try DirectoryVocabulary(directory, size: source.vocabularySize) {
            // What the model's description says of a key counts.
            let known = Set(metadata.map { ExactString($0.key) })
            metadata += text.metadata.filter { !known.contains(ExactString($0.key)) }
            notes += text.notes
        } else {
            metadata += Self.noVocabulary
            notes.append("the directory has no tokenizer; the file will have no tokenizer and takes token ids only")
        }
    }

    private static let generationWithoutKeys = [
        "stop_strings", "suppress_tokens", "begin_suppress_tokens", "bad_words_ids", "max_new_tokens", "max_length", "presence_penalty",
        "frequency_penalty",
    ]

    private static var noVocabulary: [(key: String, value: MetadataValue)] { [("tokenizer.ggml.model", MetadataValue("no_vocab"))] }

    private static func metadata(
        _ layout: GGUFLayout, _ directory: HuggingFaceDirectory, vocabularySize: Int
    ) throws -> [(key: String, value: MetadataValue)] {
        var entries: [(key: String, value: MetadataValue)] = []
        func add(_ key: String, _ value: MetadataValue) {
            if !entries.contains(where: { ExactString($0.key) == ExactString(key) }) { entries.append((key, value)) }
        }
        for (key, value) in layout.metadata { add(key, try MetadataValue(value, key: key)) }
        add("general.type", MetadataValue("model"))
        let path = directory.provider.directory
        add("general.name", MetadataValue(path.split(separator: "/").last.map(String.init) ?? path))
        add("\(layout.architecture).vocab_size", .uint32(UInt32(clamping: vocabularySize)))
        if let generation = directory.generationConfig?.root {
            // Greedy, whatever the temperature says.
            if generation["do_sample"]?.bool == false { add("general.sampling.temp", .float32(0)) }
            for (key, name) in [("temperature", "temp"), ("top_p", "top_p"), ("min_p", "min_p"), ("repetition_penalty", "penalty_repeat")] {
                if let value = generation[key]?.double, value.isFinite { add("general.sampling.\(name)", .float32(Float(value))) }
            }
            if let value = generation["top_k"]?.int.flatMap({ Int32(exactly: $0) }) { add("general.sampling.top_k", .int32(value)) }
        }
        return entries
    }
}
