import HadalCore

/// What the files beside a tokenizer.json say of special tokens.
struct TokenizerSettings {
    private var names: [String: String] = [:]
    private var addBOS: Bool?
    private var addEOS: Bool?
    private var endIDs: [Int] = []

    init() {}

    /// Reads a tokenizer_config.json.
    mutating func read(config document: JSONDocument) {
        for key in ["bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "mask_token"] {
            guard let value = document.root[key], let name = value.string ?? value["content"]?.string else { continue }
            names[key] = name
        }
        addBOS = document.root["add_bos_token"]?.bool
        addEOS = document.root["add_eos_token"]?.bool
    }

    /// Reads `eos_token_id`, a number or an array, from a generation_config.json or a config.json.
    mutating func read(generation document: JSONDocument) {
        guard let value = document.root["eos_token_id"] else { return }
        endIDs += value.array?.compactMap(\.int) ?? [value.int].compactMap { $0 }
    }

    /// The first stated end of generation that is not this one.
    func furtherEndID(than id: Int?) -> Int? { endIDs.first { $0 != id && $0 >= 0 } }

    func specialTokens(in parts: TokenizerParts, boundary: BoundaryTokens) -> SpecialTokens {
        var special = SpecialTokens()
        func id(_ key: String) -> Int32? { names[key].flatMap { parts.tokens.find($0) } }
        special.bosID = id("bos_token") ?? boundary.before.first
        special.eosID = id("eos_token") ?? boundary.after.last ?? endIDs.first.flatMap { Int32(exactly: $0) }
        special.padID = id("pad_token")
        special.unknownID = id("unk_token")
        special.separatorID = id("sep_token")
        special.maskID = id("mask_token")
        special.addBOS = (addBOS ?? !boundary.before.isEmpty) && special.bosID != nil
        special.addEOS = (addEOS ?? !boundary.after.isEmpty) && special.eosID != nil
        special.endIDs = Set(endIDs.compactMap { Int32(exactly: $0) }.filter { $0 >= 0 && Int($0) < parts.tokens.count })
        for name in PreTokenizerCatalogue.builtIn.endOfGeneration {
            if let id = parts.tokens.find(name), parts.kinds[Int(id)] == .control { special.endIDs.insert(id) }
        }
        if let eos = special.eosID { special.endIDs.insert(eos) }
        return special
    }
}
