import HadalCore

/// Makes a GGUF vocabulary of what a tokenizer.json says.
struct VocabularyConversion {
    private static let escapedSpace = "\u{2581}"

    let file: TokenizerFile
    let declared: DeclaredTokens
    let parts: TokenizerParts
    private(set) var notes: [String] = []

    init(file: TokenizerFile, declared: DeclaredTokens, parts: TokenizerParts) {
        self.file = file
        self.declared = declared
        self.parts = parts
    }

    /// - Parameter original: the tokenizer of the same file.
    mutating func vocabulary(size: Int, _ catalogue: PreTokenizerCatalogue, original: Tokenizer) throws -> GGUFVocabulary {
        guard let model = file.root["model"] else { throw file.fail(file.document.root, "no \"model\" in the tokenizer") }
        switch parts.model {
        case .bpe, .wordPiece: break
        default:
            throw file.fail(
                model, "GGUF files are not written with the tokenizer model '\(model["type"]?.string ?? "Unigram")'", .unsupported)
        }
        let added = try file.addedTokens()
        var entries = try file.vocabulary(of: model, addedTokens: added, declared: declared.tokens(beside: added))
        if entries.tokens.count > size {
            // A token that only another file declares, without a row in the model, is none of the model's.
            notes.append("tokens with ids of \(size) and above, which only the files beside tokenizer.json declare, are left out")
            entries = try file.vocabulary(of: model, addedTokens: added)
        }
        guard entries.tokens.count <= size else {
            throw HadalError(
                .mismatch, "the tokenizer has ids up to \(entries.tokens.count - 1); the model has \(size) of them",
                at: SourcePlace(file.document.file))
        }
        var vocabulary = GGUFVocabulary()
        vocabulary.kinds = entries.kinds
        vocabulary.tokens = (0..<entries.tokens.count).map { Array(entries.tokens[$0]) }
        for id in vocabulary.tokens.indices where vocabulary.tokens[id].isEmpty {
            vocabulary.tokens[id] = Self.filler(id)
            vocabulary.kinds[id] = .unused
        }
        for id in vocabulary.tokens.count..<max(size, vocabulary.tokens.count) {
            vocabulary.tokens.append(Self.filler(id))
            vocabulary.kinds.append(.unused)
        }

        if isWordPiece {
            vocabulary.model = try Self.modelName(.wordpiece, catalogue)
            vocabulary.pre = "default"
            try setWordPieces(&vocabulary, model)
        } else if usesByteAlphabet {
            vocabulary.model = try Self.modelName(.bpe, catalogue)
            vocabulary.merges = try pairs(model).map { $0 + [0x20] + $1 }
            let ignoresMerges = try file.bool(model["ignore_merges"], "ignore_merges", default: false)
            vocabulary.pre = try preTokenizer(of: vocabulary, ignoresMerges, catalogue, original)
            if components("normalizer", "normalizers").contains(where: { !$0.isNull }) {
                notes.append("the tokenizer's normalizer has no place in a GGUF vocabulary; texts are used unchanged")
            }
        } else if escapesSpaces {
            vocabulary.model = try Self.modelName(.sentencepiece, catalogue)
            try setScores(&vocabulary, model, entries.model)
            vocabulary.addSpacePrefix = addsSpace
        } else {
            throw HadalError(
                .unsupported,
                "GGUF vocabularies have no form of this tokenizer: it neither works on bytes nor writes spaces as \(Self.escapedSpace)",
                at: SourcePlace(file.document.file))
        }
        return vocabulary
    }

    /// What GGUF files call a kind of tokenizer whose pre-tokenizer they name apart.
    private static func modelName(_ kind: PreTokenizerCatalogue.ModelKind, _ catalogue: PreTokenizerCatalogue) throws -> String {
        guard let name = catalogue.models.filter({ $0.value.kind == kind && $0.value.pre == nil }).keys.min() else {
            throw HadalError(.notFound, "the catalogue of pre-tokenizers has no tokenizer of the kind \(kind.rawValue)")
        }
        return name
    }

    static func filler(_ id: Int) -> [UInt8] { Array("[PAD\(id)]".utf8) }

    private func pairs(_ model: JSON) throws -> [([UInt8], [UInt8])] {
        try file.array(model["merges"], "merges", in: model).map { try file.pair($0) }
    }

    /// Adds a sentence on what the vocabulary does not say.
    mutating func note(_ text: String) { notes.append(text) }

    // MARK: What kind of tokenizer it is

    var isWordPiece: Bool { if case .wordPiece = parts.model { true } else { false } }

    /// Every component of a kind, sequences opened.
    private func components(_ key: String, _ list: String) -> [JSON] {
        var (found, next): ([JSON], [JSON]) = ([], [file.root[key] ?? .null])
        while let value = next.popLast(), found.count < 1000 {
            guard value["type"]?.string.map({ ExactString($0) == ExactString("Sequence") }) == true else {
                found.append(value)
                continue
            }
            next += (value[list]?.array ?? []).reversed()
        }
        return found
    }

    private func has(_ type: String, in components: [JSON]) -> JSON? {
        components.first { $0["type"]?.string.map { ExactString($0) == ExactString(type) } == true }
    }

    private var usesByteAlphabet: Bool {
        has("ByteLevel", in: components("pre_tokenizer", "pretokenizers")) != nil
            || has("ByteLevel", in: components("normalizer", "normalizers")) != nil
    }

    private var escapesSpaces: Bool {
        if has("Metaspace", in: components("pre_tokenizer", "pretokenizers")) != nil { return true }
        return components("normalizer", "normalizers").contains { value in
            value["content"]?.string.map { ExactString($0) == ExactString(Self.escapedSpace) } == true
        }
    }

    /// Whether a space goes before a text.
    private var addsSpace: Bool {
        if has("Prepend", in: components("normalizer", "normalizers")) != nil { return true }
        guard let space = has("Metaspace", in: components("pre_tokenizer", "pretokenizers")) else { return false }
        if let scheme = space["prepend_scheme"]?.string { return ExactString(scheme) != ExactString("never") }
        return space["add_prefix_space"]?.bool ?? true
    }

    // MARK: Vocabularies with scores

    /// Gives tokens the scores that make the highest score mean the earliest merge.
    private func setScores(_ vocabulary: inout GGUFVocabulary, _ model: JSON, _ table: TokenTable) throws {
        let merges = try pairs(model)
        var scores = [Float](repeating: 0, count: vocabulary.tokens.count)
        for id in vocabulary.tokens.indices where vocabulary.kinds[id] == .normal { scores[id] = -Float(merges.count + 1) }
        for (rank, (left, right)) in merges.enumerated().reversed() {
            guard let id = table.find(left + right) else { continue }
            scores[Int(id)] = -Float(rank)
        }
        if let name = model["unk_token"]?.string, let id = table.find(name) {
            vocabulary.kinds[Int(id)] = .unknown
            vocabulary.unknownID = Int(id)
        }
        for id in vocabulary.tokens.indices where vocabulary.kinds[id] == .normal && ByteToken.byte(vocabulary.tokens[id]) != nil {
            vocabulary.kinds[id] = .byte
            scores[id] = 0
        }
        vocabulary.scores = scores
    }

    // MARK: The pre-tokenizer's name

    /// The name under which GGUF files know a pre-tokenizer that cuts as this one does, or cuts so that the ids are the same.
    private func preTokenizer(
        of vocabulary: GGUFVocabulary, _ ignoresMerges: Bool, _ catalogue: PreTokenizerCatalogue, _ original: Tokenizer
    ) throws -> String {
        let wanted = try ProbeTexts.all.map { try cut($0, parts.preTokenizer) }
        let patterns = components("pre_tokenizer", "pretokenizers").compactMap { $0["pattern"]?["Regex"]?.string }.map { ExactString($0) }
        var candidates: [(name: String, agreeing: Int)] = []
        for name in catalogue.principalNames {
            guard let entry = catalogue[name], entry.byteLevel, entry.ignoreMerges == ignoresMerges else { continue }
            let stages: [PreTokenizer] = try entry.patterns.map { .split(.pattern(try Pattern($0)), .isolated, invert: false) }
            let candidate = PreTokenizer.sequence(stages + [.byteLevel(addPrefixSpace: false, pattern: nil)])
            let agreeing = try zip(ProbeTexts.all, wanted).count { try cut($0, candidate) == $1 }
            if agreeing == wanted.count, entry.patterns.map({ ExactString($0) }) == patterns { return name }
            candidates.append((name, agreeing))
        }
        if let name = candidates.first(where: { $0.agreeing == wanted.count })?.name { return name }
        // Where no token spans two pieces, cutting fewer of them makes no difference: digits one by one or together, say.
        let scratch = Pattern.Scratch()
        let plain = try ProbeTexts.all.filter {
            try parts.normalizer?.apply(to: Array($0.utf8), scratch) ?? Array($0.utf8) == Array($0.utf8)
        }
        let ids = try plain.map { try original.encode($0, parseSpecial: false) }
        for name in candidates.sorted(by: { $0.agreeing > $1.agreeing }).map(\.name) {
            var named = vocabulary
            named.pre = name
            let tokenizer = try Tokenizer(named, catalogue: catalogue)
            if try zip(plain, ids).allSatisfy({ try tokenizer.encode($0, parseSpecial: false) == $1 }) { return name }
        }
        throw HadalError(
            .unsupported, "no pre-tokenizer that GGUF files have a name for cuts texts as this tokenizer does",
            at: file.root["pre_tokenizer"].map { file.document.place(of: $0) } ?? SourcePlace(file.document.file))
    }

    func cut(_ text: String, _ preTokenizer: PreTokenizer?) throws -> [[UInt8]] {
        var pieces = Pieces(Array(text.utf8), startsInput: true)
        try preTokenizer?.apply(to: &pieces, Pattern.Scratch())
        return pieces.ranges.map { Array(pieces.text[$0]) }
    }
}
