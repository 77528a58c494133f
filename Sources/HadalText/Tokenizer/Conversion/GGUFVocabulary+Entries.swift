package import HadalFormats

extension GGUFVocabulary {
    /// The vocabulary as GGUF metadata.
    package var metadata: [(key: String, value: MetadataValue)] {
        var entries: [(key: String, value: MetadataValue)] = []
        func add(_ key: String, _ value: MetadataValue?) { if let value { entries.append((Self.prefix + key, value)) } }
        func id(_ id: Int?) -> MetadataValue? { id.flatMap { UInt32(exactly: $0) }.map { .uint32($0) } }
        add("model", MetadataValue(model))
        add("pre", pre.map { MetadataValue($0) })
        add("tokens", .array(MetadataArray(stringBytes: tokens)))
        if !scores.isEmpty { add("scores", .array(MetadataArray(floats: scores))) }
        if !kinds.isEmpty { add("token_type", .array(MetadataArray(int32: kinds.map { Int32($0.rawValue) }))) }
        if !merges.isEmpty { add("merges", .array(MetadataArray(stringBytes: merges))) }
        add("bos_token_id", id(bosID))
        add("eos_token_id", id(eosID))
        add("eot_token_id", id(eotID))
        add("eom_token_id", id(eomID))
        add("unknown_token_id", id(unknownID))
        // Spelt so in every file.
        add("seperator_token_id", id(separatorID))
        add("cls_token_id", id(classID))
        add("padding_token_id", id(padID))
        add("mask_token_id", id(maskID))
        add("add_bos_token", addBOS.map { .bool($0) })
        add("add_eos_token", addEOS.map { .bool($0) })
        add("add_sep_token", addSeparator.map { .bool($0) })
        add("add_space_prefix", addSpacePrefix.map { .bool($0) })
        add("normalizer.lowercase", lowercases.map { .bool($0) })
        add("normalizer.strip_accents", stripsAccents.map { .bool($0) })
        add("token_type_count", id(tokenTypeCount))
        return entries
    }
}
