import HadalCore
import HadalFormats

/// Reads the keys of `generation_config.json`, and collects what cannot be used of it.
struct GenerationConfig {
    private(set) var warnings: [String] = []
    private let document: JSONDocument
    /// Objects to look into, in order.
    private let objects: [JSON]
    /// Whether there is a file for these settings alone.
    private let isOwnFile: Bool
    /// Keys that were looked up.
    private var asked: Set<String> = []

    init(_ directory: HuggingFaceDirectory) {
        isOwnFile = directory.generationConfig != nil
        document = directory.generationConfig ?? directory.config
        objects = [document.root] + (isOwnFile ? [] : [document.root["text_config"]].compactMap { $0 })
    }

    private mutating func value(_ key: String) -> JSON? {
        asked.insert(key)
        return objects.lazy.compactMap { $0[key] }.first { !$0.isNull }
    }

    private mutating func warn(_ key: String, _ value: JSON, _ problem: String) {
        let text = value.text()
        let shown = text.count > 60 ? "\(text.prefix(57))..." : text
        warnings.append("\(document.place(of: value)): '\(key)' is \(shown); \(problem)")
    }

    mutating func number(_ key: String, _ bounds: String, _ isGood: (Double) -> Bool) -> Double? {
        guard let value = value(key) else { return nil }
        if let number = value.double, number.isFinite, isGood(number) { return number }
        warn(key, value, "it must be \(bounds), and is not used")
        return nil
    }

    mutating func integer(_ key: String, _ bounds: String, _ isGood: (Int) -> Bool) -> Int? {
        guard let value = value(key) else { return nil }
        if let number = value.int, isGood(number) { return number }
        warn(key, value, "it must be an integer, \(bounds), and is not used")
        return nil
    }

    mutating func bool(_ key: String) -> Bool? {
        guard let value = value(key) else { return nil }
        if let flag = value.bool { return flag }
        warn(key, value, "it must be true or false, and is not used")
        return nil
    }

    /// A text, or a list of texts; those that are empty left out.
    mutating func strings(_ key: String) -> [String]? {
        guard let value = value(key) else { return nil }
        let list = value.array ?? [value]
        let texts = list.compactMap(\.string)
        if texts.count != list.count { warn(key, value, "it must be a string or a list of strings; the rest is not used") }
        let filled = texts.filter { !$0.isEmpty }
        return filled.isEmpty ? nil : filled
    }

    /// A token id, or a list of these.
    mutating func tokens(_ key: String) -> [Int32]? {
        guard let value = value(key) else { return nil }
        let list = value.array ?? [value]
        guard let ids = Self.ids(list) else {
            warn(key, value, "it must be a list of token ids, and is not used")
            return nil
        }
        return ids.isEmpty ? nil : ids
    }

    /// A list of lists of token ids.
    mutating func tokenLists(_ key: String) -> [[Int32]]? {
        guard let value = value(key) else { return nil }
        let lists = value.array?.compactMap { $0.array.flatMap(Self.ids) }
        guard let lists, lists.count == value.array?.count else {
            warn(key, value, "it must be a list of lists of token ids, and is not used")
            return nil
        }
        let filled = lists.filter { !$0.isEmpty }
        return filled.isEmpty ? nil : filled
    }

    private static func ids(_ list: [JSON]) -> [Int32]? {
        let ids = list.compactMap { $0.int.flatMap { Int32(exactly: $0) } }
        return ids.count == list.count ? ids : nil
    }

    /// Keys that change what transformers generates and that Hadal does not have, with the number that turns each off. nil: none does.
    private static let unsupported: [(key: String, off: Double?)] = [
        ("num_beams", 1), ("num_return_sequences", 1), ("penalty_alpha", 0), ("dola_layers", nil), ("no_repeat_ngram_size", 0),
        ("encoder_no_repeat_ngram_size", 0), ("encoder_repetition_penalty", 1), ("min_new_tokens", 0), ("min_length", 0),
        ("forced_bos_token_id", nil), ("forced_eos_token_id", nil), ("forced_decoder_ids", nil), ("exponential_decay_length_penalty", nil),
        ("guidance_scale", 1), ("sequence_bias", nil), ("constraints", nil), ("force_words_ids", nil), ("watermarking_config", nil),
        ("max_time", nil), ("token_healing", 0),
    ]
    /// The same of sampling, which greedy decoding leaves out.
    private static let unsupportedInSampling: [(key: String, off: Double?)] = [
        ("typical_p", 1), ("epsilon_cutoff", 0), ("eta_cutoff", 0), ("top_h", nil),
    ]

    /// Keys that do not change which tokens come: of beams, which are refused, of encoders, of speed, of what transformers returns, and ids
    /// that are the tokenizer's.
    private static let harmless: Set<String> = [
        "early_stopping", "length_penalty", "num_beam_groups", "diversity_penalty", "low_memory", "decoder_start_token_id",
        "renormalize_logits",
        "remove_invalid_values", "use_cache", "cache_implementation", "cache_config", "max_cache_len", "return_legacy_cache",
        "prefill_chunk_size",
        "compile_config", "disable_compile", "continuous_batching_config", "use_mtp", "is_assistant", "num_assistant_tokens",
        "num_assistant_tokens_schedule", "assistant_confidence_threshold", "assistant_early_exit", "assistant_lookbehind",
        "assistant_ensemble_weight",
        "target_lookbehind", "prompt_lookup_num_tokens", "max_matching_ngram_size", "speculation_type", "output_attentions",
        "output_hidden_states",
        "output_scores", "output_logits", "return_dict_in_generate", "transformers_version", "trust_remote_code", "chat_format",
        "max_window_size",
    ]

    /// Names the keys that have an effect in transformers and none here, and those that are not known.
    mutating func refuseOthers(samples: Bool) {
        for (key, off) in Self.unsupported + (samples ? Self.unsupportedInSampling : []) {
            guard let value = value(key), !Self.isOff(value, off) else { continue }
            warn(key, value, "this is not supported and not used")
        }
        guard isOwnFile else { return }
        let known = Self.harmless.union(asked).union((Self.unsupported + Self.unsupportedInSampling).map(\.key))
        for member in document.root.object?.members ?? [] where !member.value.isNull && !known.contains(member.key) {
            // Ids of roles, and what transformers notes for itself.
            guard !member.key.hasSuffix("_token_id"), !member.key.hasPrefix("_") else { continue }
            warn(member.key, member.value, "this is not a setting that Hadal knows, and is not used")
        }
    }

    private static func isOff(_ value: JSON, _ off: Double?) -> Bool {
        if let number = value.double { return number == off }
        return value.bool == false || value.array?.isEmpty == true || value.object?.members.isEmpty == true
    }
}
