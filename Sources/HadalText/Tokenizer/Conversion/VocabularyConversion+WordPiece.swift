import HadalCore

extension VocabularyConversion {
    private static let wordStart = Array("\u{2581}".utf8)

    /// Spells tokens as GGUF files do, U+2581 before what starts a word and nothing before what continues one, and says how texts are
    /// normalized.
    ///
    /// - Throws: `unsupported` where words are not those of BERT, or nothing tells what starts a word from what continues one.
    mutating func setWordPieces(_ vocabulary: inout GGUFVocabulary, _ model: JSON) throws {
        guard case .wordPiece(let words) = parts.model else { return }
        guard !words.continuingPrefix.isEmpty else {
            throw file.fail(model, "GGUF vocabularies have no form of WordPiece tokens without a continuing_subword_prefix", .unsupported)
        }
        let texts = try normalized(ProbeTexts.all)
        let bert = try TokenizerFile.bertPreTokenizer()
        guard try texts.allSatisfy({ try cut($0, parts.preTokenizer) == cut($0, bert) }) else {
            throw HadalError(
                .unsupported, "GGUF files with a WordPiece vocabulary cut texts into words as BERT does, and this tokenizer does not",
                at: file.root["pre_tokenizer"].map { file.document.place(of: $0) } ?? SourcePlace(file.document.file))
        }
        for id in vocabulary.tokens.indices where vocabulary.kinds[id] == .normal {
            let token = vocabulary.tokens[id]
            vocabulary.tokens[id] =
                token.starts(with: words.continuingPrefix) ? Array(token.dropFirst(words.continuingPrefix.count)) : Self.wordStart + token
            if vocabulary.tokens[id].isEmpty { (vocabulary.tokens[id], vocabulary.kinds[id]) = (Self.filler(id), .unused) }
        }
        let repeated = vocabulary.tokens.count - Set(vocabulary.tokens).count
        if repeated > 0 { note("\(repeated) tokens have the spelling of another one in a GGUF vocabulary, which some readers refuse") }
        if words.longestWord != WordPieceModel.usualLongestWord {
            note(
                "words of up to \(words.longestWord) characters are read; readers of GGUF files take \(WordPieceModel.usualLongestWord), or have no limit"
            )
        }
        try setNormalizer(&vocabulary, texts.map { try cut($0, bert) })
    }

    /// Chooses the flags whose normalizer gives the words that this tokenizer has.
    private mutating func setNormalizer(_ vocabulary: inout GGUFVocabulary, _ wanted: [[[UInt8]]]) throws {
        let bert = try TokenizerFile.bertPreTokenizer()
        var best: (agreeing: Int, lowercases: Bool, stripsAccents: Bool) = (-1, true, true)
        for (lowercases, stripsAccents) in [(true, true), (false, false), (true, false), (false, true)] {
            let normalizer = BertNormalizer(stripsAccents: stripsAccents, lowercases: lowercases)
            let agreeing = try zip(ProbeTexts.all, wanted).count { text, words in
                try cut(String(decoding: normalizer.apply(to: Array(text.utf8)), as: UTF8.self), bert) == words
            }
            if agreeing > best.agreeing { best = (agreeing, lowercases, stripsAccents) }
        }
        if best.agreeing < wanted.count { note("the tokenizer's normalizer has no exact form in a GGUF vocabulary") }
        // What is not stated is that texts are lower-cased, and that accents are stripped if they are.
        if !best.lowercases {
            vocabulary.lowercases = false
            note("older readers of GGUF files do not know tokenizer.ggml.normalizer.lowercase, and lower-case texts of this model")
        }
        if best.lowercases != best.stripsAccents { vocabulary.stripsAccents = best.stripsAccents }
    }

    /// Names the tokens around texts as readers of WordPiece vocabularies take them.
    mutating func setWordPieceRoles(_ vocabulary: inout GGUFVocabulary, _ special: SpecialTokens) {
        vocabulary.classID = (special.classID ?? special.prefix.first).map { Int($0) }
        vocabulary.separatorID = (special.separatorID ?? special.suffix.last).map { Int($0) }
        (vocabulary.bosID, vocabulary.eosID) = (vocabulary.classID, vocabulary.separatorID)
        if case .wordPiece(let words) = parts.model, words.unknownID >= 0 { vocabulary.unknownID = Int(words.unknownID) }
        (vocabulary.addBOS, vocabulary.addEOS, vocabulary.addSeparator) = (vocabulary.bosID != nil, vocabulary.eosID != nil, false)
        let form = EncoderTemplates(classID: vocabulary.classID.map { Int32($0) }, separatorID: vocabulary.separatorID.map { Int32($0) })
        guard parts.encoder.single != form.single || parts.encoder.pair != form.pair else { return }
        note("readers of GGUF files put a class token before a text and a separator behind each, as BERT does, and this tokenizer does not")
    }

    /// Says whether a separator goes between two texts, for models that end each of them with the same tokens.
    mutating func setSeparator(_ vocabulary: inout GGUFVocabulary, _ special: SpecialTokens, config: JSONDocument?) {
        let pair = parts.encoder.pair.map { $0.with(type: 0) }
        let (prefix, suffix) = (special.prefix, special.suffix)
        let separator = special.separatorID ?? suffix.last
        for (adds, between) in [(false, suffix), (true, suffix + [separator].compactMap { $0 })] where !between.isEmpty {
            guard pair == EncoderTemplates(prefix: prefix, suffix: suffix, between: between).pair else { continue }
            vocabulary.addSeparator = adds
            if pair != parts.encoder.pair, vocabulary.tokenTypeCount ?? 1 > 1 {
                note("GGUF files with such a vocabulary have no types of tokens; this tokenizer gives the second of two texts another one")
            }
            if adds { vocabulary.separatorID = separator.map { Int($0) } }
            return
        }
        let isClassifier = (config?.root["architectures"]?.array ?? []).contains {
            $0.string?.hasSuffix("ForSequenceClassification") == true
        }
        if isClassifier { note("the tokens that this tokenizer puts around two texts have no place in a GGUF vocabulary") }
    }

    private func normalized(_ texts: [String]) throws -> [String] {
        let scratch = Pattern.Scratch()
        return try texts.map { text in
            try parts.normalizer.map { String(decoding: try $0.apply(to: Array(text.utf8), scratch), as: UTF8.self) } ?? text
        }
    }
}
