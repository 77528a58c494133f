import HadalCore

/// Which GGUF model a directory stands for.
package enum GGUFDirectory {
    /// The only language model in a directory; of a split one, the first file there is. nil without any GGUF file.
    ///
    /// What lies beside a model is passed over: projectors of images and sound, adapters, importance matrices, bare vocabularies.
    /// - Throws: `invalidArgument` naming the models when there are several; `unsupported` when there are only other files.
    package static func model(in directory: String) throws -> String? {
        let provider = FileProvider(directory: directory)
        // Shards of one model count once. Names are sorted: the lowest number comes first.
        var seen: Set<String> = []
        let names = provider.names.filter { name in
            guard isGGUF(name) else { return false }
            guard let shard = GGUFShardName(path: name) else { return true }
            return seen.insert("\(shard.prefix) \(shard.count)").inserted
        }
        guard names.count > 1 else { return names.first.map(provider.path) }
        let models = names.filter { !$0.lowercased().contains(projectorName) && isLanguageModel(provider.path($0)) }
        if models.count == 1 { return provider.path(models[0]) }
        func list(_ names: [String]) -> String {
            names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", … (\(names.count) in all)" : "")
        }
        guard models.isEmpty else {
            throw HadalError(
                .invalidArgument, "\(models.count) GGUF models are in this directory: \(list(models))", at: SourcePlace(directory),
                hint: "name one of them")
        }
        throw HadalError(
            .unsupported, "none of the GGUF files in this directory is a language model: \(list(names))", at: SourcePlace(directory))
    }

    static func isGGUF(_ name: String) -> Bool { name.lowercased().hasSuffix(".gguf") && !name.hasPrefix(".") }

    /// What llama.cpp looks for in names.
    private static let projectorName = "mmproj"
    /// What its converter calls files that are no models of their own; projectors had an architecture before they had a type.
    private static let otherTypes = ["mmproj", "adapter", "imatrix"]
    private static let projectorArchitecture = "clip"

    /// A file that cannot be read counts: opening it says what is wrong.
    private static func isLanguageModel(_ path: String) -> Bool {
        guard let file = try? GGUFFile(path: path) else { return true }
        if let type = file.metadata("general.type")?.string, otherTypes.contains(type) { return false }
        // A shard may hold nothing but metadata.
        let isShard = file.metadata("split.count")?.int ?? 0 > 1
        return file.metadata("general.architecture")?.string != projectorArchitecture && (isShard || !file.tensors.isEmpty)
    }
}
