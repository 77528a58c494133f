import HadalCore

extension Tokenizer {
    /// The tokenizer of a GGUF vocabulary.
    ///
    /// - Throws: `unsupported` for a tokenizer model or a pre-tokenizer that the catalogue does not have, `malformed`
    ///   for a vocabulary that contradicts itself.
    package convenience init(_ vocabulary: GGUFVocabulary, catalogue: PreTokenizerCatalogue = .builtIn) throws {
        let builder = try GGUFTokenizerBuilder(vocabulary, catalogue)
        self.init(try builder.parts(), special: builder.special)
    }
}

/// Puts a tokenizer together from a GGUF vocabulary.
private struct GGUFTokenizerBuilder {
    private static let escapedSpace = Array("\u{2581}".utf8)

    let vocabulary: GGUFVocabulary
    let catalogue: PreTokenizerCatalogue
    let model: PreTokenizerCatalogue.Model
    let entry: PreTokenizerCatalogue.Entry
    private(set) var table: TokenTable
    private(set) var kinds: [TokenKind]
    private(set) var special = SpecialTokens()
    /// Tokens whose text another one before has too.
    private var duplicates: [(id: Int32, first: Int32)] = []

    init(_ vocabulary: GGUFVocabulary, _ catalogue: PreTokenizerCatalogue) throws {
        self.vocabulary = vocabulary
        self.catalogue = catalogue
        guard let model = catalogue.models[vocabulary.model] else {
            throw HadalError(
                .unsupported, "unsupported tokenizer model '\(vocabulary.model)'",
                at: SourcePlace(vocabulary.file, .field(GGUFVocabulary.prefix + "model")),
                hint: "supported: " + catalogue.models.keys.sorted().joined(separator: ", "))
        }
        self.model = model
        entry = model.kind == .bpe ? try Self.entry(model.pre ?? vocabulary.pre ?? "default", vocabulary, catalogue) : .init()
        let count = vocabulary.tokens.count
        guard count > 0, count <= TokenizerFile.maximumID else {
            throw HadalError(
                .malformed, "a vocabulary of \(count) tokens", at: SourcePlace(vocabulary.file, .field(GGUFVocabulary.prefix + "tokens")))
        }
        table = TokenTable(minimumCapacity: count)
        for (id, token) in vocabulary.tokens.enumerated() {
            // Published files have padding under one name many times. The first of equal tokens encodes, all of them decode.
            if !table.append(token, unlisted: token.isEmpty), let first = table.find(token) { duplicates.append((Int32(id), first)) }
        }
        kinds = vocabulary.kinds.count >= count ? Array(vocabulary.kinds[..<count]) : [TokenKind](repeating: .normal, count: count)
        setRoles()
    }

    private static func entry(
        _ name: String, _ vocabulary: GGUFVocabulary, _ catalogue: PreTokenizerCatalogue
    ) throws -> PreTokenizerCatalogue.Entry {
        guard let entry = catalogue[name] else {
            throw HadalError(
                .unsupported, "unknown pre-tokenizer '\(name)'", at: SourcePlace(vocabulary.file, .field(GGUFVocabulary.prefix + "pre")),
                hint: "known: " + catalogue.names.joined(separator: ", "))
        }
        return entry
    }

    /// Fills `special`, and corrects the kinds of tokens that converters often get wrong.
    private mutating func setRoles() {
        let count = vocabulary.tokens.count
        func id(_ choices: Int?...) -> Int32? { choices.compactMap { $0 }.first { $0 >= 0 && $0 < count }.map { Int32($0) } }
        // Older files name only the class and separator tokens of WordPiece vocabularies, newer ones call them BOS and EOS as well.
        let isWordPiece = model.kind == .wordpiece
        special.bosID = id(vocabulary.bosID, isWordPiece ? vocabulary.classID : nil, model.bos)
        special.eosID = id(vocabulary.eosID, isWordPiece ? vocabulary.separatorID : nil, model.eos)
        special.eotID = id(vocabulary.eotID)
        special.eomID = id(vocabulary.eomID)
        special.unknownID = id(vocabulary.unknownID, model.unknown)
        special.separatorID = id(vocabulary.separatorID, model.separator)
        special.classID = id(vocabulary.classID)
        special.padID = id(vocabulary.padID)
        special.maskID = id(vocabulary.maskID)
        special.addBOS = (vocabulary.addBOS ?? (model.addBOS || entry.addBOS)) && special.bosID != nil
        special.addEOS = (vocabulary.addEOS ?? model.addEOS) && special.eosID != nil
        special.prefix = special.addBOS ? [special.bosID].compactMap { $0 } : []
        special.suffix = special.addEOS ? [special.eosID].compactMap { $0 } : []

        for name in catalogue.control { if let id = table.find(name) { kinds[Int(id)] = .control } }
        for name in catalogue.controlAndEnd + catalogue.endOfGeneration {
            guard let id = table.find(name) else { continue }
            kinds[Int(id)] = .control
            special.endIDs.insert(id)
        }
        if special.eotID == nil { special.eotID = catalogue.endOfTurn.lazy.compactMap { [table] in table.find($0) }.first }
        for name in catalogue.userDefined { if let id = table.find(name) { kinds[Int(id)] = .userDefined } }
        for end in [special.eosID, special.eotID, special.eomID] { if let end { special.endIDs.insert(end) } }
        for exception in catalogue.endExceptions {
            guard let id = table.find(exception.token), special.endIDs.contains(id) else { continue }
            guard exception.when.contains(where: { $0.allSatisfy { name in table.find(name).map(special.endIDs.contains) ?? false } })
            else { continue }
            special.endIDs.remove(id)
            kinds[Int(id)] = exception.kind
            if special.eotID == id { special.eotID = nil }
        }
        for (id, first) in duplicates where kinds[Int(first)] == .control {
            kinds[Int(id)] = .control
            if special.endIDs.contains(first) { special.endIDs.insert(id) }
        }
    }

    /// Control, unknown and user-defined tokens, which match as a whole.
    private func addedTokens() -> [AddedToken] {
        let name = vocabulary.modelName.lowercased()
        let rules = catalogue.stripping.filter { rule in
            rule.generalNames.contains { Self.contains(name, $0) } || rule.preNames.contains { Self.contains(vocabulary.pre ?? "", $0) }
        }
        let repeated = Set(duplicates.filter { isWhole(kinds[Int($0.first)]) }.map { Int($0.id) })
        return kinds.indices.compactMap { index in
            let kind = kinds[index]
            guard !repeated.contains(index), isWhole(kind), !table[index].isEmpty else { return nil }
            var token = AddedToken(id: Int32(index), content: Array(table[index]))
            token.isSpecial = kind != .userDefined
            let spelling = String(decoding: token.content, as: UTF8.self)
            for rule in rules where !rule.except.contains(spelling) && (rule.tokens.isEmpty || rule.tokens.contains(spelling)) {
                if rule.isLeft { token.stripsLeft = true } else { token.stripsRight = true }
            }
            return token
        }
    }

    private func isWhole(_ kind: TokenKind) -> Bool { kind == .control || kind == .userDefined || kind == .unknown }

    private static func contains(_ text: String, _ part: String) -> Bool {
        let (text, part) = (Array(text.utf8), Array(part.utf8))
        guard !part.isEmpty, text.count >= part.count else { return false }
        return (0...(text.count - part.count)).contains { text[$0..<$0 + part.count].elementsEqual(part) }
    }

    func parts() throws -> TokenizerParts {
        switch model.kind {
        case .unigram, .wordpiece:
            let document = model.kind == .unigram ? try unigram() : wordPieces()
            var parts = try TokenizerFile(document).makeTokenizer().parts
            // All tokens decode, those too whose text another one has.
            (parts.tokens, parts.kinds) = (table, kinds)
            parts.encoder = encoderTemplates()
            return parts
        case .bpe, .sentencepiece: return try merging()
        }
    }

    /// A unigram vocabulary as the SentencePiece model that it was made of.
    private func unigram() throws -> JSONDocument {
        var file = SentencePieceFile()
        file.pieces = kinds.indices.map { id in
            SentencePieceFile.Piece(
                text: String(decoding: table[id], as: UTF8.self), score: id < vocabulary.scores.count ? vocabulary.scores[id] : 0,
                kind: SentencePieceFile.PieceKind(rawValue: UInt64(kinds[id].rawValue)) ?? .unused)
        }
        file.unknownID = special.unknownID.map { Int($0) } ?? -1
        file.fallsBackToBytes = kinds.contains(.byte)
        file.addsDummyPrefix = vocabulary.addSpacePrefix ?? true
        file.removesExtraSpaces = vocabulary.removesExtraSpaces ?? false
        file.normalizations = vocabulary.normalizations
        return try file.tokenizer(names: [:], prefixesEveryText: true, file: vocabulary.file)
    }

    /// What goes around texts for an encoder. WordPiece vocabularies have one form, whatever their files say; in others the file's
    /// flags say what stands before, between and behind two texts, each of which ends in the EOS.
    private func encoderTemplates() -> EncoderTemplates {
        if model.kind == .wordpiece {
            return EncoderTemplates(classID: special.classID ?? special.bosID, separatorID: special.separatorID ?? special.eosID)
        }
        let separator = vocabulary.addSeparator ?? entry.addSeparator ? [special.separatorID].compactMap { $0 } : []
        return EncoderTemplates(prefix: special.prefix, suffix: special.suffix, between: special.suffix + separator)
    }

    /// BERT's tokenizer. GGUF files write what starts a word with U+2581 and what continues one without a prefix.
    private func wordPieces() -> JSONDocument {
        var entries = JSONObject()
        var added: [JSON] = []
        for id in kinds.indices {
            let spelling = spelling(ofWordPiece: id)
            if entries[spelling] == nil { entries[spelling] = JSON(.int(Int64(id))) }
            // Without types, what is in brackets is taken for a control token.
            guard isWhole(kinds[id]) || (vocabulary.kinds.isEmpty && isBracketed(id)), !spelling.isEmpty else { continue }
            added.append([
                "id": JSON(.int(Int64(id))), "content": JSON(.string(spelling)), "special": JSON(.bool(kinds[id] != .userDefined)),
                "normalized": false,
            ])
        }
        let unknown = special.unknownID.map { JSON(.string(spelling(ofWordPiece: Int($0)))) } ?? "[UNK]"
        return JSONDocument(
            root: [
                "added_tokens": JSON(.array(added)),
                "normalizer": [
                    "type": "BertNormalizer", "lowercase": JSON(.bool(vocabulary.lowercases ?? true)),
                    "strip_accents": vocabulary.stripsAccents.map { JSON(.bool($0)) } ?? .null,
                ],
                "pre_tokenizer": ["type": "BertPreTokenizer"],
                "decoder": ["type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": "always"],
                "model": ["type": "WordPiece", "vocab": JSON(.object(entries)), "unk_token": unknown],
            ], file: vocabulary.file)
    }

    /// A token as vocab.txt spells it.
    private func spelling(ofWordPiece id: Int) -> String {
        let text = String(decoding: table[id], as: UTF8.self)
        if isWhole(kinds[id]) || isBracketed(id) { return text }
        return text.unicodeScalars.first == "\u{2581}" ? String(text.unicodeScalars.dropFirst()) : "##" + text
    }

    /// Whether a token is spelt `[…]`: older files have `[unused0]` and its like without U+2581, and nothing in brackets continues a word.
    private func isBracketed(_ id: Int) -> Bool { table[id].first == UInt8(ascii: "[") && table[id].last == UInt8(ascii: "]") }

    /// The parts of a vocabulary whose tokens are merged from characters.
    private func merging() throws -> TokenizerParts {
        var parts = TokenizerParts(
            tokens: table, kinds: kinds, added: AddedTokenMatcher(addedTokens(), order: .longestFirst),
            addedNormalized: AddedTokenMatcher([], order: .longestFirst), normalizer: nil, preTokenizer: nil,
            model: try tokenizerModel(), decoder: TokenDecoder(), hasRawTokens: true)
        parts.encoder = encoderTemplates()
        switch model.kind {
        case .sentencepiece:
            parts.addsSpaceBeforeText = vocabulary.addSpacePrefix ?? true
            parts.spaceReplacement = Self.escapedSpace
            if parts.addsSpaceBeforeText { parts.decoder.leadingStrip = ([0x20], 1) }
        case .bpe:
            var stages: [PreTokenizer] = try entry.patterns.map { .split(.pattern(try Pattern($0)), .isolated, invert: false) }
            if entry.byteLevel { stages.append(.byteLevel(addPrefixSpace: false, pattern: nil)) }
            parts.preTokenizer = .sequence(stages)
            if entry.escapeSpaces { parts.spaceReplacement = Self.escapedSpace }
        case .unigram, .wordpiece: break
        }
        if model.kind == .bpe, entry.byteLevel {
            parts.decoder.steps = [.byteLevel]
        } else {
            parts.decoder.steps = [.byteFallback, .replace(Self.escapedSpace, with: [0x20])]
        }
        return parts
    }

    private func tokenizerModel() throws -> TokenizerModel {
        if model.kind == .sentencepiece {
            let scores = vocabulary.scores.isEmpty ? [Float](repeating: 0, count: kinds.count) : vocabulary.scores
            let unknown = special.unknownID ?? -1
            let bytes = ByteToken.ids(in: table).enumerated().map { byte, id in
                id >= 0 ? id : table.find([UInt8(byte)]) ?? unknown
            }
            return .sentencePiece(SentencePieceModel(table: table, scores: scores, byteIDs: bytes))
        }
        var symbols = table
        let merges = try merges(&symbols)
        let bytes = entry.byteLevel ? (0..<256).map { table.find([UInt8($0)]) ?? -1 } : ByteToken.ids(in: table)
        return .bpe(
            BPEModel(
                table: symbols, tokenCount: kinds.count, merges: merges, ignoreMerges: entry.ignoreMerges, byteFallback: [],
                unknown: .bytesAfterMerging(bytes), wholeNewlineRuns: entry.wholeNewlineRuns))
    }

    /// Merges may name, and make, strings that are no tokens; those get symbols behind the vocabulary.
    private func merges(_ symbols: inout TokenTable) throws -> PairTable {
        let place = SourcePlace(vocabulary.file, .field(GGUFVocabulary.prefix + "merges"))
        guard !vocabulary.merges.isEmpty || vocabulary.tokens.count <= 256 else {
            throw HadalError(.malformed, "a byte-pair vocabulary without merges", at: place)
        }
        guard vocabulary.merges.count <= TokenizerFile.maximumID else {
            throw HadalError(.limitExceeded, "\(vocabulary.merges.count) merges", at: place)
        }
        func symbol(_ bytes: UnsafeBufferPointer<UInt8>) -> Int32 {
            if let id = symbols.find(bytes) { return id }
            symbols.append(bytes)
            return Int32(symbols.count - 1)
        }
        var merges = PairTable(minimumCapacity: vocabulary.merges.count)
        var joined: [UInt8] = []
        for (rank, merge) in vocabulary.merges.enumerated() {
            // The left part has at least one character, which may itself be a space.
            guard let space = merge.dropFirst().firstIndex(of: 0x20) else {
                throw HadalError(
                    .malformed, "merge \(rank) is '\(String(decoding: merge, as: UTF8.self))', not two parts and a space between them",
                    at: place)
            }
            joined.removeAll(keepingCapacity: true)
            joined += merge[..<space]
            joined += merge[(space + 1)...]
            let (left, right) = merge.withUnsafeBufferPointer {
                (symbol(UnsafeBufferPointer(rebasing: $0[..<space])), symbol(UnsafeBufferPointer(rebasing: $0[(space + 1)...])))
            }
            let key = PairTable.key(left, right)
            // A pair that appears twice keeps its first rank.
            guard merges.find(key) == nil else { continue }
            merges.set(key, UInt64(rank) << 32 | UInt64(UInt32(bitPattern: joined.withUnsafeBufferPointer { symbol($0) })))
        }
        return merges
    }
}
