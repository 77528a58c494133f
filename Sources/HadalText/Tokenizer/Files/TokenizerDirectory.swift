package import HadalCore
package import HadalFormats

/// The tokenizer of a model's directory, in whatever files it is published.
package struct TokenizerDirectory {
    /// tokenizer.json, or what stands for it.
    package let tokenizer: JSONDocument
    let settings: TokenizerSettings

    /// A tokenizer.json with what the files beside it say.
    package init(
        tokenizer: JSONDocument, config: JSONDocument? = nil, specialTokensMap: JSONDocument? = nil, addedTokens: JSONDocument? = nil,
        generation: JSONDocument? = nil
    ) throws {
        self.tokenizer = tokenizer
        settings = try TokenizerSettings(
            config: config, specialTokensMap: specialTokensMap, addedTokens: addedTokens, generation: generation)
    }

    /// - Parameter config: config.json, where it has been read already.
    /// - Returns: nil where no file of the directory holds a tokenizer.
    /// - Throws: `malformed` with a place; `unsupported` that names the file there is and the one that is wanted.
    package init?(_ files: FileProvider, config modelConfig: JSONDocument? = nil) throws {
        let modelConfig = try modelConfig ?? Self.json("config.json", files)
        let config = try Self.json("tokenizer_config.json", files)
        var settings = try TokenizerSettings(
            config: config, specialTokensMap: Self.json("special_tokens_map.json", files),
            addedTokens: Self.json("added_tokens.json", files),
            generation: Self.json("generation_config.json", files) ?? modelConfig)
        let kind = TokenizerClasses.name(config: config, modelConfig: modelConfig)
        if let tokenizer = try Self.json("tokenizer.json", files) {
            self.tokenizer = tokenizer
        } else if let name = Self.sentencePieceName(files), let source = try files.open(name) {
            tokenizer = try Self.sentencePiece(source, kind, config, &settings)
        } else if let tokenizer = try TokenizerClasses.tokenizer(of: files, kind: kind, config: config, &settings) {
            self.tokenizer = tokenizer
        } else {
            for name in files.names where name == "tekken.json" || name.hasSuffix(".tiktoken") || name == "tiktoken.model" {
                throw Self.unreadable(files.path(name))
            }
            return nil
        }
        self.settings = settings
    }

    static func unreadable(_ path: String) -> HadalError {
        HadalError(
            .unsupported, "a tokenizer in this form is not read", at: SourcePlace(path),
            hint: "tokenizer.json is required beside it; transformers' AutoTokenizer.from_pretrained(...).save_pretrained(...) writes one")
    }

    /// A file of the directory; nil if there is none of that name.
    static func json(_ name: String, _ files: FileProvider) throws -> JSONDocument? {
        guard let source = try files.open(name) else { return nil }
        return try withExtendedLifetime(source) { try JSONDocument(parsing: source.bytes, file: source.name) }
    }

    // MARK: SentencePiece

    private static func sentencePieceName(_ files: FileProvider) -> String? {
        ["tokenizer.model", "spm.model", "spiece.model", "sentencepiece.bpe.model", "sentencepiece.model"].first(where: files.exists)
    }

    private static func sentencePiece(
        _ source: ByteSource, _ kind: String?, _ config: JSONDocument?, _ settings: inout TokenizerSettings
    ) throws -> JSONDocument {
        if isRankList(source) { throw unreadable(source.name) }
        let traits = kind.flatMap { TokenizerClasses.traits(of: $0) }
        if let reason = traits?["sentencepiece_ids_differ"]?.bool, reason, let kind {
            throw HadalError(
                .unsupported, "the ids of a \(kind) are not those of its SentencePiece model", at: SourcePlace(source.name),
                hint: "tokenizer.json is required beside it")
        }
        var model = try SentencePieceFile(source)
        if let prefix = traits?["prefixes_texts"]?.bool {
            model.ignoreNormalization(addsDummyPrefix: config?.root["add_prefix_space"]?.bool ?? prefix)
            model.dropsUnknown = traits?["drops_unknown"]?.bool ?? false
        }
        for member in traits?["tokens"]?.object?.members ?? [] {
            if let text = member.value.string { settings.declared.setDefault(member.key, text) }
        }
        for (role, _, text) in model.roles { settings.declared.setDefault(role, text) }
        if model.addsDummyPrefix { settings.declared.matchListedBeforeNormalizer() }
        let legacy = config?.root["legacy"]?.bool ?? traits?["legacy"]?.bool ?? true
        return try model.tokenizer(names: settings.declared.listedTexts, prefixesEveryText: legacy, file: source.name)
    }

    /// Whether a file holds lines of base64 and a rank, as tiktoken's do under the same name.
    private static func isRankList(_ source: ByteSource) -> Bool {
        withExtendedLifetime(source) {
            let line = source.bytes.prefix(512).prefix { $0 != 0x0A }
            let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
            return parts.count == 2 && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { $0 > 0x20 && $0 < 0x7F } }
                && parts[1].allSatisfy { (0x30...0x39).contains($0) }
        }
    }
}

extension Tokenizer {
    /// - Throws: `malformed` or `unsupported`, with a place.
    package convenience init(_ directory: TokenizerDirectory) throws {
        let made = try TokenizerFile(directory.tokenizer).makeTokenizer(settings: directory.settings)
        self.init(made.parts, special: made.special)
    }
}
