package import HadalCore

extension GGUFVocabulary {
    /// Turns the tokenizer of a directory into the vocabulary that a GGUF file would hold.
    ///
    /// - Parameters:
    ///   - directory: byte-pair encoding, of bytes or of characters with byte tokens behind them, or WordPiece.
    ///   - config: the directory's config.json.
    ///   - size: rows of the model's embedding; ids that no token has are filled up with unused ones.
    /// - Returns: also what the vocabulary does not say, a sentence each.
    /// - Throws: `unsupported` for a tokenizer that GGUF vocabularies cannot describe; `malformed` with line and column.
    package static func converting(
        _ directory: TokenizerDirectory, config: JSONDocument?, size: Int, catalogue: PreTokenizerCatalogue = .builtIn
    ) throws -> (vocabulary: GGUFVocabulary, notes: [String]) {
        let file = try TokenizerFile(directory.tokenizer)
        let settings = directory.settings
        let original = try file.makeTokenizer(settings: settings)
        let (parts, special) = (original.parts, original.special)
        var conversion = VocabularyConversion(file: file, declared: settings.declared, parts: parts)
        var vocabulary = try conversion.vocabulary(size: size, catalogue, original: original)
        vocabulary.file = directory.tokenizer.file

        func stated(_ key: String) -> Int? { config?.root[key].flatMap { $0.int ?? $0.array?.first?.int } }
        vocabulary.bosID = (special.bosID.map { Int($0) } ?? stated("bos_token_id")).flatMap { (0..<size).contains($0) ? $0 : nil }
        vocabulary.eosID = (special.eosID.map { Int($0) } ?? stated("eos_token_id")).flatMap { (0..<size).contains($0) ? $0 : nil }
        vocabulary.eotID = special.eotID.map { Int($0) } ?? settings.furtherEndID(than: vocabulary.eosID)
        vocabulary.unknownID = special.unknownID.map { Int($0) }
        vocabulary.padID = special.padID.map { Int($0) }
        vocabulary.separatorID = special.separatorID.map { Int($0) }
        vocabulary.maskID = special.maskID.map { Int($0) }
        vocabulary.addBOS = special.addBOS
        vocabulary.addEOS = special.addEOS
        vocabulary.classID = special.classID.map { Int($0) }
        vocabulary.tokenTypeCount = stated("type_vocab_size").flatMap { $0 > 0 ? $0 : nil }
        if conversion.isWordPiece {
            conversion.setWordPieceRoles(&vocabulary, special)
            vocabulary.tokenTypeCount = vocabulary.tokenTypeCount ?? 1
        } else {
            conversion.setSeparator(&vocabulary, special, config: config)
        }
        let notes = try conversion.notes + Self.differences(original, Tokenizer(vocabulary, catalogue: catalogue))
        return (vocabulary, notes)
    }

    /// One sentence if the two give different ids for texts of many kinds.
    private static func differences(_ original: Tokenizer, _ converted: Tokenizer) throws -> [String] {
        var (count, example): (Int, String?) = (0, nil)
        for text in ProbeTexts.all where try original.encode(text, parseSpecial: false) != converted.encode(text, parseSpecial: false) {
            count += 1
            example = example ?? text
        }
        guard let example else { return [] }
        let shown = String(example.unicodeScalars.map { $0.value < 32 ? " " : Character($0) }.prefix(24))
        return [
            "the GGUF vocabulary gives other ids than the tokenizer.json for \(count) of \(ProbeTexts.all.count) probe texts, such as '\(shown)'"
        ]
    }
}
