import HadalCore

/// What sentence-transformers puts around a model: `modules.json`, the configurations of its modules, and the weights of dense layers.
///
/// Descriptions find it below `config.sentence_transformers`: `modules`, a list of type names; `pooling`, `1_Pooling/config.json`; `dense.0`, `dense.1` and so
/// on, those of dense layers, and `dense_count`; `normalize`; `transformer`, sentence_bert_config.json; `settings`, config_sentence_transformers.json;
/// `unsupported`, the type of a module that is not read, or that stands in another place than after those before it. The tensors of a dense layer
/// have their names behind `dense.0.`.
struct SentenceModules {
    /// Where in the configuration they stand.
    static let key = "sentence_transformers"
    private static let name = "modules.json"
    private static let weights = "model.safetensors"
    /// Modules in the order in which they may follow each other.
    private static let order = ["Transformer", "Pooling", "Dense", "Normalize"]

    private(set) var documents: [(path: [String], document: JSONDocument)] = []
    private(set) var dense: [SafetensorsFile] = []

    /// - Returns: nil for a directory without `modules.json`.
    init?(_ provider: FileProvider) throws {
        guard let source = try provider.open(Self.name) else { return nil }
        let list = try withExtendedLifetime(source) { try JSONDocument(parsing: source.bytes, file: source.name) }
        guard let entries = list.root.array, entries.count <= 64 else {
            throw HadalError(.malformed, "the file holds \(list.root.kindName), not a list of modules", at: list.place(of: list.root))
        }
        var types: [String] = [], unsupported: String?, last = 0, dense = 0
        for entry in entries {
            guard let type = entry["type"]?.string, let path = entry["path"]?.string else {
                throw HadalError(.malformed, "a module requires \"type\" and \"path\"", at: list.place(of: entry))
            }
            let module = String(type.split(separator: ".").last ?? "")
            types.append(module)
            guard let place = Self.order.firstIndex(of: module), place > last || module == "Dense" || types.count == 1,
                place != 0 || path.isEmpty
            else {
                if module != "Dropout" { unsupported = unsupported ?? module }
                continue
            }
            last = place
            guard !path.isEmpty, module != "Normalize" else { continue }
            guard FileProvider.isPlain(path) else {
                throw HadalError(.malformed, "'\(path)' is not a plain name; modules stay in their directory", at: list.place(of: entry))
            }
            let folder = provider.folder(path)
            if let document = try HuggingFaceDirectory.json("config.json", folder) {
                documents.append((module == "Dense" ? ["dense", "\(dense)"] : [module.lowercased()], document))
            }
            if module == "Dense" {
                try addDense(folder, number: dense)
                dense += 1
            }
        }
        for (name, key) in [("sentence_bert_config.json", "transformer"), ("config_sentence_transformers.json", "settings")] {
            if let document = try HuggingFaceDirectory.json(name, provider) { documents.append(([key], document)) }
        }
        var summary: [(String, JSON)] = [
            ("modules", JSON(.array(types.map { JSON(.string($0)) }))), ("dense_count", JSON(.int(Int64(dense)))),
            ("normalize", JSON(.bool(types.contains("Normalize")))),
        ]
        if let unsupported { summary.append(("unsupported", JSON(.string(unsupported)))) }
        documents.insert(([], JSONDocument(root: JSON(.object(JSONObject(summary))), file: list.file)), at: 0)
    }

    private mutating func addDense(_ folder: FileProvider, number: Int) throws {
        guard let source = try folder.open(Self.weights) else {
            throw HadalError(
                .notFound, "no \(Self.weights) in this directory", at: SourcePlace(folder.directory),
                hint: folder.names.first { $0.hasPrefix("pytorch_model") }.map { "\($0) is there, but only safetensors weights are read" })
        }
        dense.append(try SafetensorsFile(source: source))
    }
}
