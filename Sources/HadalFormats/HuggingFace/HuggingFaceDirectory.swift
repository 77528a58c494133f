import HadalCore

/// A model directory as Hugging Face publishes it: `config.json`, tokenizer files, and weights in safetensors.
///
/// Opening checks the configuration first, then the index, then each shard's header. No tensor data is read.
public struct HuggingFaceDirectory: Sendable {
    public static let configName = "config.json"
    public static let weightsName = "model.safetensors"
    public static let indexName = "model.safetensors.index.json"
    static let maximumTextLength = 64 << 20

    public let provider: FileProvider
    public let config: JSONDocument
    /// `generation_config.json`, if there is one.
    public let generationConfig: JSONDocument?
    /// How config.json, or a file beside it, says that the weights are quantised; nil for not, and when weights are not opened.
    public let quantization: WeightQuantization?
    /// In the order in which `TensorInfo.shard` counts them.
    public let shards: [SafetensorsFile]
    public let tensors: [TensorInfo]
    public let unreadable: [UnreadableTensor]

    /// - Parameter weights: whether to open the weights at all; a tokenizer or a template needs none.
    /// - Throws: `notFound` naming the file; `malformed` or `mismatch` with a place.
    public init(_ provider: FileProvider, weights: Bool = true) throws {
        self.provider = provider
        guard let config = try Self.json(Self.configName, provider) else {
            throw HadalError(
                .notFound, "no \(Self.configName) in this directory", at: Place(provider.directory),
                hint: "a model is a GGUF file or a directory with \(Self.configName) and \(Self.weightsName)")
        }
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
        if let whole = try provider.open(Self.weightsName) {
            let file = try SafetensorsFile(source: whole)
            shards = [file]
            tensors = file.tensors
            unreadable = file.unreadable
        } else if let index = try Self.json(Self.indexName, provider) {
            let opened = try SafetensorsIndex(index).open(provider)
            shards = opened.shards
            tensors = opened.tensors
            unreadable = opened.unreadable
        } else {
            let other = ["pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack", "consolidated.00.pth"]
                .first(where: provider.exists)
            throw HadalError(
                .notFound, "neither \(Self.weightsName) nor \(Self.indexName) in this directory", at: Place(provider.directory),
                hint: other.map { "\($0) is there, but only safetensors weights are read" })
        }
    }

    /// A JSON file of the directory whose root is an object; nil if there is none of that name.
    public func json(_ name: String) throws -> JSONDocument? { try Self.json(name, provider) }

    /// The UTF-8 text of a file of the directory, `chat_template.jinja` say; nil if there is none of that name.
    public func text(_ name: String) throws -> String? {
        guard let source = try provider.open(name) else { return nil }
        try Self.checkLength(source)
        guard let text = withExtendedLifetime(source, { String(validating: source.bytes, as: UTF8.self) }) else {
            throw HadalError(.malformed, "the file is not valid UTF-8", at: Place(source.name))
        }
        return text
    }

    private static func json(_ name: String, _ provider: FileProvider) throws -> JSONDocument? {
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
                .limitExceeded, "the file is \(source.count) bytes long; the limit for it is \(maximumTextLength)", at: Place(source.name))
        }
    }
}
