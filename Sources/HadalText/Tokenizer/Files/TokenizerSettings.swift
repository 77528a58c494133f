import HadalCore

/// What the files beside a tokenizer.json say of its tokens.
struct TokenizerSettings {
    var declared: DeclaredTokens
    private var addBOS: Bool?
    private var addEOS: Bool?
    private var endIDs: [Int] = []

    init() { declared = DeclaredTokens() }

    /// - Parameters:
    ///   - config: tokenizer_config.json.
    ///   - specialTokensMap: special_tokens_map.json.
    ///   - addedTokens: added_tokens.json.
    ///   - generation: generation_config.json or config.json: `eos_token_id`, a number or an array.
    init(config: JSONDocument?, specialTokensMap: JSONDocument?, addedTokens: JSONDocument?, generation: JSONDocument?) throws {
        declared = try DeclaredTokens(config: config, specialTokensMap: specialTokensMap, addedTokens: addedTokens)
        addBOS = config?.root["add_bos_token"]?.bool
        addEOS = config?.root["add_eos_token"]?.bool
        if let value = generation?.root["eos_token_id"] { endIDs = value.array?.compactMap(\.int) ?? [value.int].compactMap { $0 } }
    }

    /// The first stated end of generation that is not this one.
    func furtherEndID(than id: Int?) -> Int? { endIDs.first { $0 != id && $0 >= 0 } }

    func specialTokens(in parts: TokenizerParts, boundary: BoundaryTokens) -> SpecialTokens {
        var special = SpecialTokens()
        special.names = declared.names
        func id(_ role: String) -> Int32? { special.names.first { $0.role == role }.flatMap { parts.tokens.find($0.text) } }
        special.bosID = id("bos_token") ?? boundary.before.first
        special.eosID = id("eos_token") ?? boundary.after.last ?? endIDs.first.flatMap { Int32(exactly: $0) }
        special.padID = id("pad_token")
        special.unknownID = id("unk_token")
        special.separatorID = id("sep_token")
        special.classID = id("cls_token")
        special.maskID = id("mask_token")
        special.addBOS = (addBOS ?? !boundary.before.isEmpty) && special.bosID != nil
        special.addEOS = (addEOS ?? !boundary.after.isEmpty) && special.eosID != nil
        special.prefix = special.addBOS ? (boundary.before.isEmpty ? [special.bosID].compactMap { $0 } : boundary.before) : []
        special.suffix = special.addEOS ? (boundary.after.isEmpty ? [special.eosID].compactMap { $0 } : boundary.after) : []
        special.endIDs = Set(endIDs.compactMap { Int32(exactly: $0) }.filter { $0 >= 0 && Int($0) < parts.tokens.count })
        for name in PreTokenizerCatalogue.builtIn.endOfGeneration {
            if let id = parts.tokens.find(name), parts.kinds[Int(id)] == .control { special.endIDs.insert(id) }
        }
        if let eos = special.eosID { special.endIDs.insert(eos) }
        return special
    }
}
