import HadalCore

/// Added and special tokens that the files beside a tokenizer.json declare, resolved as transformers' AutoTokenizer does.
///
/// Of tokenizer_config.json, special_tokens_map.json and added_tokens.json the first counts alone where it has an `added_tokens_decoder`. Else
/// special_tokens_map.json replaces what it says, and added_tokens.json adds to both.
struct DeclaredTokens {
    private static let roles = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]

    private var named: [(role: String, token: AddedToken)] = []
    private var extra: [AddedToken] = []
    /// Tokens with a stated id.
    private var listed: [AddedToken] = []
    /// Whether flags of `listed` replace those in tokenizer.json.
    private var listReplaces = false

    init() {}

    /// - Throws: `malformed` with a place for a token that is neither text nor an object with its content.
    init(config: JSONDocument?, specialTokensMap: JSONDocument?, addedTokens: JSONDocument?) throws {
        if let config {
            try readNames(of: config, isLegacy: false)
            try readExtra(of: config, keepsOthers: false)
        }
        if let config, let entries = config.root["added_tokens_decoder"], !entries.isNull {
            try readDecoder(entries, config)
            listReplaces = true
        } else {
            if let specialTokensMap {
                try readNames(of: specialTokensMap, isLegacy: true)
                try readExtra(of: specialTokensMap, keepsOthers: true)
            }
            if let addedTokens { try readAddedTokens(addedTokens) }
        }
    }

    /// The text of each role that is filled: `bos_token` and its like, `image_token` and others.
    var names: [(role: String, text: String)] {
        named.map { ($0.role, String(decoding: $0.token.content, as: UTF8.self)) }
    }

    /// Names a role that nothing has filled.
    mutating func setDefault(_ role: String, _ text: String) {
        guard !named.contains(where: { $0.role == role }) else { return }
        var token = AddedToken(id: -1, content: Array(text.utf8))
        token.isSpecial = true
        token = listed.first { $0.content == token.content } ?? token
        named.append((role, token))
    }

    /// The texts of tokens with a stated id.
    var listedTexts: [Int: [UInt8]] { Dictionary(listed.map { (Int($0.id), $0.content) }, uniquingKeysWith: { $1 }) }

    /// Tokens with a stated id match the text as it is.
    mutating func matchListedBeforeNormalizer() { for i in listed.indices { listed[i].normalized = false } }

    /// What is added to a vocabulary with these added tokens, in order. An id of -1 stands for the next free one.
    func tokens(beside existing: [AddedToken]) -> [AddedToken] {
        var known = Set(existing.map(\.content))
        let roleContents = Set(named.map(\.token.content))
        var tokens = listed.filter { listReplaces || !known.contains($0.content) }.sorted { $0.id < $1.id }
        known.formUnion(tokens.map(\.content))
        for i in tokens.indices where roleContents.contains(tokens[i].content) { tokens[i].isSpecial = true }
        let order = named.filter { Self.roles.contains($0.role) } + named.filter { !Self.roles.contains($0.role) }
        for var token in order.map(\.token) where known.insert(token.content).inserted {
            token.isSpecial = true
            tokens.append(token)
        }
        for token in extra where known.insert(token.content).inserted { tokens.append(token) }
        return tokens.filter { !$0.content.isEmpty }
    }

    // MARK: Reading

    private mutating func set(_ role: String, _ token: AddedToken) {
        if let i = named.firstIndex(where: { ExactString($0.role) == ExactString(role) }) {
            named[i].token = token
        } else {
            named.append((role, token))
        }
    }

    private mutating func readNames(of document: JSONDocument, isLegacy: Bool) throws {
        for member in document.root.object?.members ?? [] where member.key.hasSuffix("_token") {
            if member.value.isNull || member.value.bool != nil { continue }
            // A key that is not a role may hold anything.
            guard Self.roles.contains(member.key) || member.value.string != nil || member.value["content"]?.string != nil else { continue }
            var token = try Self.token(member.value, in: document)
            if isLegacy { token.isSpecial = true }
            set(member.key, token)
        }
    }

    /// `extra_special_tokens`, a list or an object of named tokens, and `additional_special_tokens`, its older name.
    private mutating func readExtra(of document: JSONDocument, keepsOthers: Bool) throws {
        let root = document.root
        let current = root["extra_special_tokens"].flatMap { $0.array?.isEmpty == true || $0.object?.count == 0 || $0.isNull ? nil : $0 }
        if let tokens = current?.object {
            for member in tokens.members { set(member.key, try Self.token(member.value, in: document)) }
        }
        let older = current == nil && (extra.isEmpty || !keepsOthers) ? root["additional_special_tokens"]?.array : nil
        for value in current?.array ?? older ?? [] {
            let token = try Self.token(value, in: document)
            if !extra.contains(where: { $0.content == token.content }) { extra.append(token) }
        }
    }

    private mutating func readDecoder(_ entries: JSON, _ document: JSONDocument) throws {
        guard let members = entries.object?.members else {
            throw HadalError(.malformed, "added_tokens_decoder is \(entries.kindName), not an object", at: document.place(of: entries))
        }
        for member in members {
            guard let id = Int32(member.key), id >= 0, id < TokenizerFile.maximumID else {
                throw HadalError(.malformed, "added_tokens_decoder has the id '\(member.key)'", at: document.place(at: member.keyOffset))
            }
            var token = try Self.token(member.value, in: document)
            token.id = id
            listed.append(token)
        }
    }

    private mutating func readAddedTokens(_ document: JSONDocument) throws {
        let special = Set((named.map(\.token) + extra).map(\.content))
        guard let members = document.root.object?.members else {
            throw HadalError(.malformed, "added tokens are \(document.root.kindName), not an object", at: document.place(of: document.root))
        }
        for member in members {
            guard let id = member.value.int.flatMap({ Int32(exactly: $0) }), id >= 0, id < TokenizerFile.maximumID else {
                throw HadalError(.malformed, "the added token '\(member.key)' has no id", at: document.place(of: member.value))
            }
            var token = AddedToken(id: id, content: Array(member.key.utf8))
            token.isSpecial = special.contains(token.content)
            token.normalized = !token.isSpecial
            listed.append(token)
        }
    }

    /// A token as plain text, which is special, or as an object with flags.
    private static func token(_ value: JSON, in document: JSONDocument) throws -> AddedToken {
        var token = AddedToken(id: -1, content: [])
        if let text = value.string {
            token.content = Array(text.utf8)
            token.isSpecial = true
            return token
        }
        guard let text = value["content"]?.string else {
            throw HadalError(.malformed, "a token is \(value.kindName), not text or an object with its content", at: document.place(of: value))
        }
        func flag(_ key: String) -> Bool? { value[key]?.bool }
        token.content = Array(text.utf8)
        token.stripsLeft = flag("lstrip") ?? false
        token.stripsRight = flag("rstrip") ?? false
        token.singleWord = flag("single_word") ?? false
        token.isSpecial = flag("special") ?? false
        token.normalized = flag("normalized") ?? !token.isSpecial
        return token
    }
}
