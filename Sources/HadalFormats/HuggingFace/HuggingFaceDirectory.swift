package import HadalCore

/// A model directory as Hugging Face publishes it: `config.json`, tokenizer files, and weights in safetensors.
///
/// Opening checks the configuration first, then the index, then each shard's header. No tensor data is read.
package struct HuggingFaceDirectory: Sendable {
    package static let configName = "config.json"
    package static let weightsName = "model.safetensors"
    package static let indexName = "model.safetensors.index.json"
    private static let originalConfigName = "params.json"
    static let maximumTextLength = 64 << 20

    package let provider: FileProvider
    package let config: JSONDocument
    /// `generation_config.json`, if there is one.
    package let generationConfig: JSONDocument?
    /// How config.json, or a file beside it, says that the weights are quantised; nil for not, and when weights are not opened.
    package let quantization: WeightQuantization?
    /// In the order in which `TensorInfo.shard` counts them.
    package let shards: [SafetensorsFile]
    package let tensors: [TensorInfo]
    package let unreadable: [UnreadableTensor]
    /// What may be wrong when a tensor is missing; nil: nothing particular.
    package private(set) var missingTensorHint: String?

    /// - Parameter weights: whether to open the weights at all; a tokenizer or a template needs none.
    /// - Throws: `notFound` naming the file; `malformed` or `mismatch` with a place.
    package init(_ provider: FileProvider, weights: Bool = true) throws {
        self.provider = provider
        guard let stated = try Self.json(Self.configName, provider) else {
            throw HadalError(
                .notFound, "no \(Self.configName) in this directory", at: SourcePlace(provider.directory),
                hint: provider.exists(Self.originalConfigName)
                    ? "\(Self.originalConfigName) is there, the original release's; the model as published for transformers is read"
                    : "a model is a GGUF file or a directory with \(Self.configName) and \(Self.weightsName)")
        }
        let modules = try SentenceModules(provider)
        let config = modules.map { stated.adding(SentenceModules.key, of: $0.documents) } ?? stated
        self.config = config
        generationConfig = try Self.json("generation_config.json", provider)
        guard weights else {
            quantization = nil
            shards = []
            tensors = []
            unreadable = []
            return
        }
        quantization = try WeightQuantization(config) { try Self.json($0, provider) }
        try quantization?.check()
        let names = SafetensorsNames(provider)
        let files: [String]
        if provider.exists(Self.weightsName) {
            files = [Self.weightsName]
        } else if let index = try Self.json(Self.indexName, provider) {
            let opened = try SafetensorsIndex(index).open(provider)
            (shards, tensors) = Self.adding(modules?.dense ?? [], to: opened.shards, opened.tensors)
            unreadable = opened.unreadable
            return
        } else {
            try names.checkComplete(provider)
            files = names.files
        }
        guard !files.isEmpty else {
            throw HadalError(
                .notFound, "neither \(Self.weightsName) nor \(Self.indexName) in this directory", at: SourcePlace(provider.directory),
                hint: Self.otherWeights(provider))
        }
        let opened = try files.map { name in
            guard let source = try provider.open(name) else {
                throw HadalError(.notFound, "the file is gone", at: SourcePlace(provider.path(name)))
            }
            return try SafetensorsFile(source: source)
        }
        (shards, tensors) = Self.adding(
            modules?.dense ?? [], to: opened, opened.enumerated().flatMap { number, file in file.tensors.map { $0.inShard(number) } })
        unreadable = shards.flatMap(\.unreadable)
        if names.areOriginal, files == names.files {
            missingTensorHint =
                "the weights are in \(files.joined(separator: ", ")), which may have the names of the original release; "
                + "\(Self.weightsName) with those of transformers is read"
        }
    }

    /// Files of dense layers behind those of the model.
    private static func adding(
        _ dense: [SafetensorsFile], to shards: [SafetensorsFile], _ tensors: [TensorInfo]
    ) -> ([SafetensorsFile], [TensorInfo]) {
        let more = dense.enumerated().flatMap { number, file in
            file.tensors.map { $0.renamed("dense.\(number).\($0.name)").inShard(shards.count + number) }
        }
        return (shards + dense, tensors + more)
    }

    /// What is there in place of weights that are read.
    private static func otherWeights(_ provider: FileProvider) -> String? {
        let endings = [".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".npz", ".onnx", ".index.json"]
        let starts = ["pytorch_model", "consolidated", "model", "tf_model", "flax_model", "weights"]
        // What training leaves, and vocabularies.
        let others = ["training_args", "optimizer", "scheduler", "rng_state", "tokenizer"]
        let names = provider.names.filter { name in
            endings.contains { name.lowercased().hasSuffix($0) } && !others.contains { name.hasPrefix($0) }
        }
        let likeliest = starts.lazy.compactMap { start in names.first { $0.hasPrefix(start) } }.first ?? names.first
        if let likeliest { return "\(likeliest) is there, but only safetensors and GGUF weights are read" }
        return provider.names.first { SafetensorsNames.isAdapter($0) }.map {
            "\($0) is there, which goes over the weights of another model"
        }
    }

    /// A JSON file of the directory whose root is an object; nil if there is none of that name.
    package func json(_ name: String) throws -> JSONDocument? { try Self.json(name, provider) }

    /// The UTF-8 text of a file of the directory, `chat_template.jinja` say; nil if there is none of that name.
    package func text(_ name: String) throws -> String? {
        guard let source = try provider.open(name) else { return nil }
        try Self.checkLength(source)
        guard let text = withExtendedLifetime(source, { String(validating: source.bytes, as: UTF8.self) }) else {
            throw HadalError(.malformed, "the file is not valid UTF-8", at: SourcePlace(source.name))
        }
        return text
    }

    static func json(_ name: String, _ provider: FileProvider) throws -> JSONDocument? {
        guard let source = try provider.open(name) else { return nil }
        try checkLength(source)
        let document = try withExtendedLifetime(source) { try JSONDocument(parsing: source.bytes, file: source.name) }
        guard document.root.object != nil else {
            throw HadalError(.malformed, "the file holds \(document.root.kindName), not an object", at: document.place(of: document.root))
        }
        return document
    }

    private static func checkLength(_ source: ByteSource) throws {
        guard source.count <= maximumTextLength else {
            throw HadalError(
                .limitExceeded, "the file is \(source.count) bytes long; the limit for it is \(maximumTextLength)",
                at: SourcePlace(source.name))
        }
    }
}
