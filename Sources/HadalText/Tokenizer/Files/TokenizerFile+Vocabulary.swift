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

    func vocabulary(of model: JSON, addedTokens: [AddedToken]) throws -> Vocabulary {
        guard let entries = model["vocab"] else { throw fail(model, "the model has no \"vocab\"") }
        let members = try object(entries, "vocab").members
        var texts: [[UInt8]?] = []
        texts.reserveCapacity(members.count + addedTokens.count)
        for member in members {
            let id = Int(try id(member.value, "the id of a token"))
            while texts.count <= id { texts.append(nil) }
            guard texts[id] == nil else { throw fail(member.value, "two tokens have the id \(id)") }
            texts[id] = Array(member.key.utf8)
        }
        var modelTable = TokenTable(minimumCapacity: texts.count)
        for text in texts { modelTable.append(text ?? [], unlisted: text == nil) }

        var kinds = texts.map { $0 == nil ? TokenKind.unused : .normal }
        var added: [AddedToken] = []
        var numbers: [Int: ArraySlice<UInt8>] = [:]
        for var token in addedTokens {
            // A token that the model has too goes by the model's id.
            if let known = modelTable.find(token.content) { token.id = known }
            let id = Int(token.id)
            while texts.count <= id {
                texts.append(nil)
                kinds.append(.unused)
            }
            if texts[id] == nil {
                texts[id] = token.content
                numbers[id] = token.content[...]
            } else if modelTable.find(token.content) != token.id, numbers[id] != token.content[...] {
                throw HadalError(
                    .malformed, "the added token '\(String(decoding: token.content, as: UTF8.self))' has the id \(id) of another token",
                    at: root["added_tokens"].map(document.place(of:)))
            }
            kinds[id] = token.isSpecial ? .control : .userDefined
            added.append(token)
        }
        var all = TokenTable(minimumCapacity: texts.count)
        for text in texts { all.append(text ?? [], unlisted: text == nil) }
        return Vocabulary(tokens: all, kinds: kinds, model: modelTable, added: added)
    }

    func bpe(_ model: JSON, _ vocabulary: Vocabulary) throws -> BPEModel {
        let members = try object(model, "the model")
        if let type = members["type"], !type.isNull {
            let name = try string(type, "the model's type", in: model)
            guard ExactString(name) == ExactString("BPE") else {
                throw fail(type, "unsupported tokenizer model '\(name)'", .unsupported, hint: "supported: BPE")
            }
        }
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
            guard let id = table.find(name) ?? vocabulary.tokens.find(name) else { throw fail(token, "unk_token '\(name)' is no token") }
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
                    throw fail(entry, "merge \(rank) names '\(String(decoding: part, as: UTF8.self))', which is no token")
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
