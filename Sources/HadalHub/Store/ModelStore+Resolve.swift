import HadalCore
import HadalFormats
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension ModelStore {
    /// What a user's MODEL argument means: `resolve(_:)` of the user's own store. A path needs no catalogue.
    public static func resolve(_ model: String) throws -> String {
        if let path = try existingPath(model) { return path }
        return try ModelStore().resolve(model)
    }

    /// The GGUF file or Hugging Face directory that a MODEL argument names.
    ///
    /// A path that exists wins; then a model of the store. A directory that holds one GGUF model and no `config.json`
    /// stands for that model; of a split model, its first file.
    ///
    /// - Throws: `notFound`, with the names there are and how to pull; `corrupt` for a model whose download is not complete.
    public func resolve(_ model: String) throws -> String {
        if let path = try Self.existingPath(model) { return path }
        if let entry = catalogue[model] {
            if let path = try modelPath(of: entry) { return path }
            throw HadalError(.notFound, "the model '\(model)' is not installed", hint: installHint(entry))
        }
        if CatalogueEntry.isValidName(model), let path = try Self.modelPath(inDirectory: directory(of: model)) { return path }
        // Opening it says what is missing.
        if FileBytes.isDirectory(model) { return model }
        let known = Set(catalogue.names).union(installedNames()).sorted()
        let looksLikeAPath = model.contains("/") || [".gguf", ".safetensors"].contains { model.lowercased().hasSuffix($0) }
        throw HadalError(
            .notFound, looksLikeAPath ? "there is no file or directory '\(model)'" : "there is no model or file '\(model)'",
            hint: ["models: \(known.joined(separator: ", "))", .action(.pull(nil))])
    }

    /// A catalogue model's path when all its files are there in their full length; nil when none of them is.
    func modelPath(of entry: CatalogueEntry) throws -> String? {
        var missing: [String] = []
        for file in entry.files {
            let path = path(of: file, in: entry)
            guard let status = FileBytes.status(path) else {
                missing.append(file.name)
                continue
            }
            guard status.bytes == file.bytes else {
                throw HadalError(
                    .corrupt, "the file has \(status.bytes) bytes; '\(entry.name)' has \(file.bytes)", at: SourcePlace(path),
                    hint: installHint(entry))
            }
        }
        guard missing.isEmpty else {
            let partial = partialBytes(of: entry)
            guard missing.count < entry.files.count || partial > 0 else { return nil }
            throw HadalError(
                .notFound, "the download of '\(entry.name)' is not complete: \(presentBytes(of: entry) + partial) of \(entry.bytes) bytes",
                at: SourcePlace(directory(of: entry.name)), hint: installHint(entry))
        }
        let first = path(of: entry.files[0], in: entry)
        return first.hasSuffix(".gguf") ? first : directory(of: entry.name)
    }

    func installHint(_ entry: CatalogueEntry) -> HadalError.Hint {
        guard !entry.isFetchable else { return [.action(.pull(entry.name))] }
        return HadalError.Hint([.action(.pullFromFile(entry.name))] + (entry.obtain.map { [.text($0)] } ?? []))
    }

    func presentBytes(of entry: CatalogueEntry) -> Int {
        entry.files.reduce(0) { $0 + (FileBytes.status(path(of: $1, in: entry))?.bytes ?? 0) }
    }

    func partialBytes(of entry: CatalogueEntry) -> Int {
        entry.files.reduce(0) { $0 + (FileBytes.status(path(of: $1, in: entry) + Self.partialSuffix)?.bytes ?? 0) }
    }

    private static func existingPath(_ model: String) throws -> String? {
        guard !model.isEmpty else { throw HadalError(.invalidArgument, "the name of a model is empty") }
        guard access(model, F_OK) == 0 else { return nil }
        guard !model.hasSuffix(partialSuffix) else {
            throw HadalError(
                .invalidArgument, "this is a download that is not complete", at: SourcePlace(model), hint: [.action(.resumePull)])
        }
        guard FileBytes.isDirectory(model) else { return model }
        // A directory that happens to have a model's name, with no model in it, must not hide the model.
        return try modelPath(inDirectory: model) ?? (CatalogueEntry.isValidName(model) ? nil : model)
    }

    /// What a directory stands for; nil when it holds no model.
    /// - Throws: `invalidArgument` naming the models when it holds several.
    static func modelPath(inDirectory directory: String) throws -> String? {
        guard FileBytes.isDirectory(directory) else { return nil }
        if FileBytes.names(in: directory).contains("config.json") { return directory }
        return try GGUFDirectory.model(in: directory)
    }
}
