import HadalCore

extension ArchitectureDescription {
    /// Keys of a description, for the parser, the schema and its test.
    static let keys = [
        "$schema", "hadal", "name", "summary", "extends", "match", "variants", "config_root", "config_objects", "aliases", "params",
        "require",
        "model", "sources", "weights", "state", "rope", "blocks", "graph", "graphs", "rerank", "ignore", "watch",
    ]
    /// Keys that a file says of itself alone: a description does not inherit them.
    static let ownKeys = ["$schema", "name", "summary", "extends", "match"]

    /// Parses a merged document.
    ///
    /// - Throws: `HadalError` at the line of the last file where that is at fault, though the fault may show in what it extends.
    init(_ document: JSONDocument, files: [String]) throws {
        do { try self.init(parsing: document, files: files) } catch let error as HadalError {
            guard let blame = Blame(document), blame.isInherited(error) else { throw error }
            if let below = document.withoutLastLayer() {
                do { _ = try ArchitectureDescription(below, files: Array(files.dropLast())) } catch let own as HadalError
                    where own.message == error.message
                {
                    throw own
                } catch {}
            }
            throw blame.certain(error)
        }
    }

    private init(parsing document: JSONDocument, files: [String]) throws {
        var fields = try JSONFields(document.root, in: document, what: "architecture")
        self.document = document
        self.files = files
        json = document.root
        let version = try fields.string("hadal")
        guard version == "architecture/1" else {
            throw fields.fail("'hadal' must be \"architecture/1\", not \"\(version)\"", at: document.root["hadal"], code: .unsupported)
        }
        name = try fields.string("name")
        _ = fields.optional("$schema")
        _ = fields.optional("extends")
        summary = try fields.optionalString("summary") ?? ""
        matches = try fields.optional("match").map { json in try (json.array ?? [json]).map { try MatchRule($0, in: document) } } ?? []
        variants = try (fields.optionalObject("variants")?.members ?? []).map { try Variant($0, in: document) }
        configRoots = try ParameterSpec.strings("config_root", &fields)
        configObjects = try (fields.optionalObject("config_objects")?.members ?? []).map { member in
            let paths = (member.value.array ?? [member.value]).compactMap(\.string)
            guard (1...16).contains(paths.count), paths.count == (member.value.array?.count ?? 1), Identifier.isValid(member.key) else {
                throw fields.fail("config object '\(member.key)' is a path or a list of up to 16 paths", at: member.value)
            }
            return (member.key, paths)
        }
        aliases = try (fields.optionalObject("aliases")?.members ?? []).map { member in
            let values = (member.value.array ?? [member.value]).compactMap(\.string)
            guard !values.isEmpty, values.count <= 16, values.count == (member.value.array?.count ?? 1), Identifier.isValid(member.key)
            else {
                throw fields.fail("alias '\(member.key)' is a string or a list of up to 16 strings", at: member.value)
            }
            return (member.key, values)
        }
        func members(_ key: String) throws -> [JSONObject.Member] {
            let members = try fields.optionalObject(key)?.members ?? []
            for member in members where !Identifier.isValid(member.key) || Identifier.reserved.contains(member.key) {
                throw HadalError(.malformed, "'\(member.key)' cannot be a name in '\(key)'", at: document.place(at: member.keyOffset))
            }
            return members
        }
        parameters = try members("params").map { try ParameterSpec(name: $0.key, $0.value, in: document) }
        for spec in parameters {
            for path in spec.config where path.hasPrefix("{") {
                guard let name = ConfigLookup.object(of: path)?.name, configObjects.contains(where: { $0.name == name }) else {
                    throw HadalError(
                        .notFound, "parameter '\(spec.name)': \"\(path)\" starts with no config object", at: spec.place,
                        hint: "config_objects has: \(configObjects.map(\.name).joined(separator: ", "))")
                }
            }
        }
        require = try (fields.optionalArray("require") ?? []).map { try Requirement($0, in: document) }
        facts = try fields.optional("model").map { try ModelFacts($0, in: document) }
        let sources = try members("sources").map { try NamedSource(name: $0.key, $0.value, in: document) }
        weights = try members("weights").map { member in
            let weight = try WeightSpec(name: member.key, member.value, in: document)
            guard let name = weight.named else { return weight }
            guard let source = sources.first(where: { $0.name == name }) else {
                throw HadalError(
                    .notFound, "weight '\(weight.name)': no source '\(name)'", at: weight.place,
                    hint: Suggestion.hint(for: name, among: sources.map(\.name)))
            }
            return weight.stored(also: source)
        }
        states = try members("state").map { try StateSpec(name: $0.key, $0.value, in: document) }
        rope = try members("rope").map { try RopeSpec(name: $0.key, $0.value, in: document) }
        blocks = try members("blocks").map { member in
            (member.key, try Statement.list(member.value, in: document, what: "block '\(member.key)'"))
        }
        var graphs: [GraphSpec] = []
        if let main = fields.optional("graph") { graphs.append(try GraphSpec(main: main, in: document)) }
        for member in try members("graphs") {
            if member.key == "main" { throw fields.fail("the main graph is written as 'graph'", at: member.value) }
            graphs.append(try GraphSpec(name: member.key, member.value, in: document))
        }
        self.graphs = graphs
        rerankPrompt = try fields.optional("rerank").map { try RerankPrompt($0, in: document) }
        ignore = try (fields.optionalObject("ignore")?.members ?? []).map { member in
            guard let format = ModelFormat(rawValue: member.key) else {
                throw fields.fail("'ignore' has the keys safetensors and gguf", at: member.value)
            }
            let patterns = (member.value.array ?? []).compactMap(\.string)
            guard patterns.count == member.value.array?.count else {
                throw fields.fail("'ignore.\(member.key)' is a list of strings", at: member.value)
            }
            return (format, patterns)
        }
        let watch = try fields.optionalObject("watch")
        if let watch, let other = watch.keys.first(where: { $0 != "config" && $0 != "gguf" }) {
            throw fields.fail("'watch' has the keys config and gguf, not '\(other)'", at: document.root["watch"])
        }
        watchedConfig = try WatchedKey.list(watch?["config"], in: document, what: "watch.config")
        watchedGGUF = try WatchedKey.list(watch?["gguf"], in: document, what: "watch.gguf")
        do { try fields.finish() } catch let error as HadalError {
            let unknown = fields.object.keys.first { !Self.keys.contains($0) } ?? ""
            throw HadalError(error.code, error.message, at: error.place, hint: Suggestion.hint(for: unknown, among: Self.keys))
        }
        parameterIndex = Dictionary(uniqueKeysWithValues: parameters.enumerated().map { ($1.name, $0) })
        weightIndex = Dictionary(uniqueKeysWithValues: weights.enumerated().map { ($1.name, $0) })
        for weight in weights where parameterIndex[weight.name] != nil {
            throw HadalError(.malformed, "'\(weight.name)' is both a parameter and a weight", at: weight.place)
        }
    }
}

extension ArchitectureDescription.Requirement {
    init(_ json: JSON, in document: JSONDocument) throws {
        guard json.object != nil else {
            condition = try Formula(json, in: document)
            return
        }
        var fields = try JSONFields(json, in: document, what: "requirement")
        condition = try Formula(fields.required("that"), in: document)
        message = try fields.string("else")
        try fields.finish()
    }
}

extension ArchitectureDescription.Variant {
    init(_ member: JSONObject.Member, in document: JSONDocument) throws {
        name = member.key
        var fields = try JSONFields(member.value, in: document, what: "variant '\(member.key)'")
        when = try Formula(fields.required("when"), in: document)
        patch = fields.optional("patch")
        try fields.finish()
        if let patch {
            guard let object = patch.object else { throw fields.fail("'patch' is an object", at: patch) }
            let own = ArchitectureDescription.ownKeys + ["hadal", "variants"]
            for key in object.keys where own.contains(key) { throw fields.fail("a patch cannot change '\(key)'", at: patch) }
        }
    }
}

extension ArchitectureDescription.ModelFacts {
    init(_ json: JSON, in document: JSONDocument) throws {
        var fields = try JSONFields(json, in: document, what: "model")
        layers = try Formula(fields.required("layers"), in: document)
        width = try Formula(fields.required("width"), in: document)
        contextLength = try Formula(fields.required("context_length"), in: document)
        vocabularySize = try Formula(fields.required("vocabulary_size"), in: document)
        textLength = try fields.optional("text_length").map { try Formula($0, in: document) }
        try fields.finish()
    }
}
