import HadalCore
import HadalFormats

/// What is known of tokenizers that are published as a vocabulary alone, by the name of transformers' class for them.
///
/// `Resources/tokenizer_classes.json`: the components of a tokenizer.json, in which `{"setting": key, "default": value}` stands for a member of
/// tokenizer_config.json and `{"token": role}` for the token of a role and its id.
enum TokenizerClasses {
    private static let entries: [JSON] = {
        return (try? JSONDocument(parsing: EmbeddedText.tokenizer_classes, file: "tokenizer_classes.json"))?.root["classes"]?.array ?? []
    }()

    static func traits(of kind: String) -> JSON? {
        entries.first { ($0["names"]?.array ?? []).contains { $0.string == kind } }
    }

    /// The class that a directory names, or else the one that models of its type have; nil where neither says anything.
    static func name(config: JSONDocument?, modelConfig: JSONDocument?) -> String? {
        for stated in [config?.root["tokenizer_class"]?.string, modelConfig?.root["tokenizer_class"]?.string].compactMap({ $0 }) {
            let name = stated.hasSuffix("Fast") ? String(stated.dropLast(4)) : stated
            if traits(of: name) != nil { return name }
        }
        guard let type = modelConfig?.root["model_type"]?.string else { return nil }
        return entries.first { ($0["model_types"]?.array ?? []).contains { $0.string == type } }?["names"]?.array?.first?.string
    }

    /// A tokenizer of vocab.json and merges.txt, or of vocab.txt; nil where neither is there.
    ///
    /// - Throws: `unsupported` where nothing says how texts are cut, `notFound` for a vocabulary of pairs without its merges.
    static func tokenizer(
        of files: FileProvider, kind: String?, config: JSONDocument?, _ settings: inout TokenizerSettings
    ) throws -> JSONDocument? {
        guard let name = ["vocab.json", "vocab.txt"].first(where: files.exists) else { return nil }
        let path = files.path(name)
        guard let kind, let traits = traits(of: kind), let model = traits["model"]?.string, (model == "WordPiece") == (name == "vocab.txt")
        else {
            throw HadalError(
                .unsupported, "a vocabulary alone does not say how texts are cut, and no tokenizer class that is known is named",
                at: SourcePlace(path),
                hint: "tokenizer.json is required beside it, or a tokenizer_class in tokenizer_config.json out of "
                    + entries.filter { $0["model"] != nil }.compactMap { $0["names"]?.array?.first?.string }.joined(separator: ", "))
        }
        for member in traits["tokens"]?.object?.members ?? [] {
            if let text = member.value.string { settings.declared.setDefault(member.key, text) }
        }
        let vocabulary = name == "vocab.txt" ? try lines(files) : try TokenizerDirectory.json(name, files)?.root ?? .null
        guard let ids = vocabulary.object, ids.count > 0 else {
            throw HadalError(.malformed, "a vocabulary without tokens", at: SourcePlace(path))
        }
        var root = JSONObject()
        let names = settings.declared.names
        for key in ["normalizer", "pre_tokenizer", "post_processor", "decoder"] {
            root[key] = filled(traits[key] ?? .null, config) { role in
                guard let text = names.first(where: { $0.role == role })?.text, let id = ids[text] else { return nil }
                return JSON(.array([JSON(.string(text)), id]))
            }
        }
        if model == "WordPiece" {
            let unknown = names.first { $0.role == "unk_token" }?.text ?? "[UNK]"
            root["model"] = ["type": "WordPiece", "vocab": vocabulary, "unk_token": JSON(.string(unknown))]
        } else {
            root["model"] = ["type": "BPE", "vocab": vocabulary, "merges": JSON(.array(try merges(files)))]
        }
        return JSONDocument(root: JSON(.object(root)), file: path)
    }

    private static func text(_ name: String, _ files: FileProvider) throws -> String? {
        guard let source = try files.open(name) else { return nil }
        guard let text = withExtendedLifetime(source, { String(validating: source.bytes, as: UTF8.self) }) else {
            throw HadalError(.malformed, "the file is not valid UTF-8", at: SourcePlace(source.name))
        }
        return text
    }

    /// vocab.txt: a token a line, in the order of ids.
    private static func lines(_ files: FileProvider) throws -> JSON {
        var lines = (try text("vocab.txt", files) ?? "").utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return JSON(
            .object(
                JSONObject(
                    lines.enumerated().map { id, line in
                        (String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self), JSON(.int(Int64(id))))
                    })))
    }

    /// merges.txt: two tokens a line, the highest priority first. Lines that start with `#version` are none.
    private static func merges(_ files: FileProvider) throws -> [JSON] {
        guard let text = try text("merges.txt", files) else {
            throw HadalError(
                .notFound, "no merges.txt beside vocab.json", at: SourcePlace(files.directory),
                hint: "merges.txt is required as well, or tokenizer.json instead of both")
        }
        var merges: [JSON] = []
        for (number, line) in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            let line = line.last == 0x0D ? line.dropLast() : line
            if line.isEmpty || line.starts(with: "#version".utf8) { continue }
            let parts = line.split(separator: 0x20)
            guard parts.count == 2 else {
                throw HadalError(
                    .malformed, "a merge is not two tokens", at: SourcePlace(files.path("merges.txt"), .text(line: number + 1, column: 1)))
            }
            merges.append(JSON(.array(parts.map { JSON(.string(String(decoding: $0, as: UTF8.self))) })))
        }
        return merges
    }

    /// A component with what stands for settings and tokens filled in; null where a token is missing.
    private static func filled(_ value: JSON, _ config: JSONDocument?, _ token: (String) -> JSON?) -> JSON {
        if let items = value.array { return JSON(.array(items.map { filled($0, config, token) })) }
        guard let members = value.object else { return value }
        if let key = members["setting"]?.string {
            let stated = config?.root[key].flatMap { $0.isNull ? nil : $0 }
            return stated ?? members["default"] ?? .null
        }
        var out = JSONObject()
        for member in members.members {
            if let role = member.value["token"]?.string {
                guard let pair = token(role) else { return .null }
                out[member.key] = pair
            } else {
                out[member.key] = filled(member.value, config, token)
            }
        }
        return JSON(.object(out))
    }
}
