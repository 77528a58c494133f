import HadalCore

/// Added and special tokens that the files beside a tokenizer.json declare, resolved as transformers' AutoTokenizer does.
///
/// Of tokenizer_config.json, special_tokens_map.json and added_tokens.json the first counts alone where it has an `added_tokens_decoder`. Else
/// special_tokens_map.json replaces what it says, and added_tokens.json adds to both.
struct DeclaredTokens {
    private static let roles = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]

    private var named: [(role: String, token: AddedToken)] = []
    /// Other roles than those, which come last and replace what another file says of them.
    private var specific: [(role: String, token: AddedToken)] = []
    /// nil where no file has a list of them.
    private var extra: [AddedToken]?
    /// Under the older name, which counts where there is no list under the newer one.
    private var additional: [AddedToken]?
    /// Tokens with a stated id.
    private var listed: [AddedToken] = []
    /// Whether flags of `listed` replace those in tokenizer.json.
    private var listReplaces = false

    init() {}

    /// - Throws: `malformed` with a place for a token that is neither text nor an object with its content.
    init(config: JSONDocument?, specialTokensMap: JSONDocument?, addedTokens: JSONDocument?) throws {
        if let config {
            try readNames(of: config, isLegacy: false)
            try readExtra(of: config)
            let isNamed = Self.namedExtra(of: config).contains { !$0.isEmpty }
            if extra?.isEmpty != false, !isNamed, let older = additional { (extra, additional) = (older, nil) }
            try readNamedExtra(of: config)
        }
        if let config, let entries = config.root["added_tokens_decoder"], !entries.isNull {
            try readDecoder(entries, config)
            listReplaces = true
        } else {
            if let specialTokensMap {
                try readNames(of: specialTokensMap, isLegacy: true)
                try readExtra(of: specialTokensMap)
                try readNamedExtra(of: specialTokensMap)
            }
            if let addedTokens { try readAddedTokens(addedTokens) }
        }
        extra = extra ?? additional
        for (role, token) in specific { set(role, token) }
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
        let order = Self.roles.compactMap { role in named.first { $0.role == role } } + named.filter { !Self.roles.contains($0.role) }
        // Of several roles with one text the last one's flags count.
        for var token in order.map(\.token) where !known.contains(token.content) {
            token.isSpecial = true
            tokens.append(token)
        }
        tokens += (extra ?? []).filter { !known.contains($0.content) }
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
            if !isLegacy, member.value.string != nil, !Self.roles.contains(member.key) {
                specific.append((member.key, token))
            } else {
                set(member.key, token)
            }
        }
    }

    /// `extra_special_tokens` as a list, and `additional_special_tokens`.
    private mutating func readExtra(of document: JSONDocument) throws {
        func tokens(_ key: String) throws -> [AddedToken]? { try document.root[key]?.array?.map { try Self.token($0, in: document) } }
        if let more = try tokens("extra_special_tokens") {
            extra = extra ?? []
            for token in more where !(extra ?? []).contains(where: { $0.content == token.content }) { extra?.append(token) }
        }
        additional = try tokens("additional_special_tokens") ?? additional
    }

    /// Objects of roles; where both name one, `extra_special_tokens` counts.
    private static func namedExtra(of document: JSONDocument) -> [[JSONObject.Member]] {
        ["model_specific_special_tokens", "extra_special_tokens"].map { document.root[$0]?.object?.members ?? [] }
    }

    private mutating func readNamedExtra(of document: JSONDocument) throws {
        for member in Self.namedExtra(of: document).joined() {
            specific.append((member.key, try Self.token(member.value, in: document)))
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
        let special = Set((named.filter { Self.roles.contains($0.role) }.map(\.token) + (extra ?? [])).map(\.content))
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
            throw HadalError(
                .malformed, "a token is \(value.kindName), not text or an object with its content", at: document.place(of: value))
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
