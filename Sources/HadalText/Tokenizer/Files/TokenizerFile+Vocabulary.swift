import HadalCore

extension TokenizerFile {
    struct Vocabulary {
        /// All tokens by id, for decoding and for looking up names.
        var tokens: TokenTable
        var kinds: [TokenKind]
        /// The model's own tokens by id: what words are made of.
        var model: TokenTable
        var added: [AddedToken]
    }

    func addedTokens() throws -> [AddedToken] {
        guard let list = root["added_tokens"], !list.isNull else { return [] }
        return try array(list, "added_tokens", in: list).compactMap { entry in
            let members = try object(entry, "an added token")
            let content = try string(members["content"], "an added token's content", in: entry)
            guard let number = members["id"] else { throw fail(entry, "an added token without an id") }
            var token = AddedToken(id: try id(number, "an added token's id"), content: Array(content.utf8))
            token.stripsLeft = try bool(members["lstrip"], "lstrip", default: false)
            token.stripsRight = try bool(members["rstrip"], "rstrip", default: false)
            token.singleWord = try bool(members["single_word"], "single_word", default: false)
            token.isSpecial = try bool(members["special"], "special", default: false)
            token.normalized = try bool(members["normalized"], "normalized", default: !token.isSpecial)
            return content.isEmpty ? nil : token
        }
    }

    /// The vocabulary of a model with the added tokens of the file and those that other files declare, in that order.
    ///
    /// A token that the vocabulary has goes by its id there, an added token that is there already only changes its flags, and one whose stated id is
    /// taken gets the next free one.
    func vocabulary(of model: JSON, addedTokens: [AddedToken], declared: [AddedToken] = []) throws -> Vocabulary {
        var texts = try modelTokens(model)
        var modelTable = TokenTable(minimumCapacity: texts.count)
        for text in texts { modelTable.append(text ?? [], unlisted: text == nil) }
        var (kinds, aliases) = (texts.map { $0 == nil ? TokenKind.unused : .normal }, [[UInt8]: Int32]())
        for (text, id) in try modelAliases(model, texts) {
            aliases[text] = id
            modelTable.alias(text, to: id)
        }

        var added: [AddedToken] = []
        var indices: [[UInt8]: Int] = [:]
        for var token in addedTokens + declared {
            if let index = indices[token.content] {
                // The same text again under another id: that id decodes, the first one encodes.
                if token.id >= 0 { claim(token.id, token.content, &texts, &kinds, kind: kinds[Int(added[index].id)]) }
                token.id = added[index].id
                token.isSpecial = token.isSpecial || added[index].isSpecial
                added[index] = token
            } else {
                if let known = modelTable.find(token.content) {
                    token.id = known
                } else if token.id < 0 || !claim(token.id, token.content, &texts, &kinds, kind: .normal) {
                    token.id = Int32(texts.count)
                    claim(token.id, token.content, &texts, &kinds, kind: .normal)
                }
                indices[token.content] = added.count
                added.append(token)
            }
            kinds[Int(token.id)] = token.isSpecial ? .control : .userDefined
        }
        var all = TokenTable(minimumCapacity: texts.count)
        for text in texts { all.append(text ?? [], unlisted: text == nil) }
        for (text, id) in aliases { all.alias(text, to: id) }
        return Vocabulary(tokens: all, kinds: kinds, model: modelTable, added: added)
    }

    /// Gives a free id to a token. False, and nothing changed, if the id is taken.
    @discardableResult
    private func claim(_ id: Int32, _ content: [UInt8], _ texts: inout [[UInt8]?], _ kinds: inout [TokenKind], kind: TokenKind) -> Bool {
        let id = Int(id)
        while texts.count <= id {
            texts.append(nil)
            kinds.append(.unused)
        }
        guard texts[id] == nil else { return false }
        texts[id] = content
        kinds[id] = kind
        return true
    }

    /// The model's tokens by id. `vocab` is an object of ids, or a list of tokens with their scores.
    private func modelTokens(_ model: JSON) throws -> [[UInt8]?] {
        guard let entries = model["vocab"] else { throw fail(model, "the model has no \"vocab\"") }
        if let list = entries.array {
            guard list.count <= Self.maximumID else { throw fail(entries, "a vocabulary of \(list.count) tokens") }
            return try list.map { Array(try scored($0).token.utf8) }
        }
        var texts: [[UInt8]?] = []
        for member in try object(entries, "vocab").members {
            let id = Int(try id(member.value, "the id of a token"))
            while texts.count <= id { texts.append(nil) }
            if texts[id] == nil { texts[id] = Array(member.key.utf8) }
        }
        return texts
    }

    /// Further texts of ids that have one.
    private func modelAliases(_ model: JSON, _ texts: [[UInt8]?]) throws -> [([UInt8], Int32)] {
        try (model["vocab"]?.object?.members ?? []).compactMap { member in
            let id = try id(member.value, "the id of a token")
            let text = Array(member.key.utf8)
            return texts[Int(id)] == text ? nil : (text, id)
        }
    }

    /// An entry of a list of tokens: the token and its score.
    private func scored(_ entry: JSON) throws -> (token: String, score: Double) {
        guard let pair = entry.array, pair.count == 2, let token = pair[0].string, let score = pair[1].double, !score.isNaN else {
            throw fail(entry, "an entry of the vocabulary is not a token and its score")
        }
        return (token, score)
    }

    // MARK: Models

    func tokenizerModel(_ model: JSON, _ vocabulary: Vocabulary) throws -> TokenizerModel {
        let members = try object(model, "the model")
        let name: String
        if let type = members["type"], !type.isNull {
            name = try string(type, "the model's type", in: model)
        } else {
            // Older files do not name it.
            name =
                members["merges"] != nil
                ? "BPE"
                : members["vocab"]?.array != nil
                    ? "Unigram"
                    : members["continuing_subword_prefix"] != nil ? "WordPiece" : "WordLevel"
        }
        guard ["BPE", "Unigram", "WordPiece", "WordLevel"].contains(name) else {
            throw fail(
                members["type"] ?? model, "unsupported tokenizer model '\(name)'", .unsupported,
                hint: "supported: BPE, Unigram, WordPiece, WordLevel")
        }
        guard (members["vocab"]?.array != nil) == (name == "Unigram") else {
            let vocab = members["vocab"] ?? model
            throw fail(vocab, "vocab is \(vocab.kindName), which is not what the tokenizer model '\(name)' has")
        }
        switch name {
        case "Unigram": return .unigram(try unigram(model, vocabulary.model))
        case "WordPiece":
            return .wordPiece(
                WordPieceModel(
                    table: vocabulary.model,
                    continuingPrefix: Array(
                        try members["continuing_subword_prefix"].map { try string($0, "continuing_subword_prefix", in: model) }?.utf8
                            ?? "##".utf8),
                    unknownID: try unknownToken(members, model, vocabulary, default: "[UNK]"),
                    longestWord: try members["max_input_chars_per_word"].map { try count($0, "max_input_chars_per_word", in: model) }
                        ?? WordPieceModel.usualLongestWord
                ))
        case "WordLevel": return .wordLevel(vocabulary.model, unknownID: try unknownToken(members, model, vocabulary, default: "<unk>"))
        default: return .bpe(try bpe(model, vocabulary))
        }
    }

    /// The id that a model's `unk_token` names; -1 where the vocabulary does not have it.
    private func unknownToken(_ members: JSONObject, _ model: JSON, _ vocabulary: Vocabulary, default missing: String) throws -> Int32 {
        let name = try members["unk_token"].map { try string($0, "unk_token", in: model) } ?? missing
        return vocabulary.model.find(name) ?? -1
    }

    private func unigram(_ model: JSON, _ table: TokenTable) throws -> UnigramModel {
        let scores = try array(model["vocab"], "vocab", in: model).map { try scored($0).score }
        guard !scores.isEmpty else { throw fail(model["vocab"] ?? model, "a vocabulary without tokens") }
        var unknown: Int32 = -1
        if let value = model["unk_id"], !value.isNull {
            unknown = try id(value, "unk_id")
            guard Int(unknown) < scores.count else { throw fail(value, "unk_id is \(unknown); the vocabulary has \(scores.count) tokens") }
        }
        let fallback = try bool(model["byte_fallback"], "byte_fallback", default: false)
        return UnigramModel(tokens: table, scores: scores, unknownID: unknown, byteFallback: fallback ? ByteToken.ids(in: table) : [])
    }

    func bpe(_ model: JSON, _ vocabulary: Vocabulary) throws -> BPEModel {
        let members = try object(model, "the model")
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if let value = members[key], !value.isNull, value.string?.isEmpty != true {
                throw fail(value, "\(key) is not supported", .unsupported)
            }
        }
        if let dropout = members["dropout"], !dropout.isNull, dropout.double != 0 {
            throw fail(dropout, "dropout is not supported: encoding would be random", .unsupported)
        }
        let table = vocabulary.model
        var unknown = BPEModel.Unknown.drop
        if let token = members["unk_token"], !token.isNull {
            let name = try string(token, "unk_token", in: model)
            guard let id = table.find(name) ?? vocabulary.tokens.find(name) else { throw fail(token, "unk_token '\(name)' is not a token") }
            unknown = .token(id, fuse: try bool(members["fuse_unk"], "fuse_unk", default: false))
        }
        let fallback = try bool(members["byte_fallback"], "byte_fallback", default: false)
        return BPEModel(
            table: table, tokenCount: vocabulary.tokens.count, merges: try merges(members["merges"], model, table),
            ignoreMerges: try bool(members["ignore_merges"], "ignore_merges", default: false),
            byteFallback: fallback ? ByteToken.ids(in: table) : [], unknown: unknown)
    }

    private func merges(_ value: JSON?, _ model: JSON, _ table: TokenTable) throws -> PairTable {
        let list = try array(value, "merges", in: model)
        var merges = PairTable(minimumCapacity: list.count)
        var joined: [UInt8] = []
        for (rank, entry) in list.enumerated() {
            let (left, right) = try pair(entry)
            joined.removeAll(keepingCapacity: true)
            joined += left
            joined += right
            func find(_ part: [UInt8]) throws -> Int32 {
                guard let id = table.find(part) else {
                    throw fail(entry, "merge \(rank) names '\(String(decoding: part, as: UTF8.self))', which is not a token")
                }
                return id
            }
            let merged = UInt64(rank) << 32 | UInt64(UInt32(bitPattern: try find(joined)))
            merges.set(PairTable.key(try find(left), try find(right)), merged)
        }
        return merges
    }

    func pair(_ entry: JSON) throws -> ([UInt8], [UInt8]) {
        if let text = entry.string {
            var text = text
            let halves: ([UInt8], [UInt8])? = text.withUTF8 { bytes in
                guard let space = bytes.firstIndex(of: 0x20), !bytes[(space + 1)...].contains(0x20) else { return nil }
                return (Array(bytes[..<space]), Array(bytes[(space + 1)...]))
            }
            if let halves { return halves }
        } else if let two = entry.array, two.count == 2, let left = two[0].string, let right = two[1].string {
            return (Array(left.utf8), Array(right.utf8))
        }
        throw fail(entry, "a merge is neither \"a b\" nor [\"a\", \"b\"]")
    }
}
