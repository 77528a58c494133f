import HadalCore
import HadalFormats

/// What a model's files recommend for generating: `generation_config.json`, or the `general.sampling` keys of a GGUF file.
///
/// A Hugging Face directory without that file may have the same keys in `config.json`, which then count, as in transformers.
public struct GenerationRecommendation: Sendable {
    /// Over Hadal's defaults.
    public private(set) var options = GenerationOptions()
    /// Which settings the files name: as in `SamplingOptions.json`, and `max_tokens`, `max_length`, `stop`, `suppress_tokens`,
    /// `begin_suppress_tokens`, `bad_words_ids`.
    public private(set) var named: Set<String> = []
    /// What the files ask for and Hadal does not do, or cannot read: a sentence each, with its place.
    public private(set) var warnings: [String] = []

    /// - Parameter endTokens: the model's end tokens, which `bad_words_ids` cannot forbid.
    init(_ files: ModelFiles, endTokens: Set<Int32>) {
        if let directory = files.huggingFace {
            read(GenerationConfig(directory), endTokens)
        } else {
            read(gguf: files)
        }
    }

    private mutating func set<Value>(_ key: WritableKeyPath<GenerationOptions, Value>, _ value: Value?, _ name: String) {
        guard let value else { return }
        options[keyPath: key] = value
        named.insert(name)
    }

    // MARK: generation_config.json

    private mutating func read(_ file: GenerationConfig, _ endTokens: Set<Int32>) {
        var file = file
        set(\.sampling.temperature, file.number("temperature", "0 or more") { $0 >= 0 }, "temperature")
        // 0, and for some -1, turns it off.
        set(\.sampling.topK, file.integer("top_k", "-1 or more") { $0 >= -1 }.map { max($0, 0) }, "top_k")
        set(\.sampling.topP, file.number("top_p", "above 0 and at most 1") { $0 > 0 && $0 <= 1 }, "top_p")
        set(\.sampling.minP, file.number("min_p", "between 0 and 1") { $0 >= 0 && $0 <= 1 }, "min_p")
        set(\.sampling.repetitionPenalty, file.number("repetition_penalty", "above 0") { $0 > 0 }, "repetition_penalty")
        set(\.sampling.presencePenalty, file.number("presence_penalty", "a number") { _ in true }, "presence_penalty")
        set(\.sampling.frequencyPenalty, file.number("frequency_penalty", "a number") { _ in true }, "frequency_penalty")
        let samples = file.bool("do_sample")
        if samples == false { set(\.sampling.temperature, 0, "temperature") }

        set(\.stopStrings, file.strings("stop_strings"), "stop")
        set(\.sampling.suppressed.always, file.tokens("suppress_tokens"), "suppress_tokens")
        set(\.sampling.suppressed.atStart, file.tokens("begin_suppress_tokens"), "begin_suppress_tokens")
        let words = file.tokenLists("bad_words_ids")?.filter { !($0.count == 1 && endTokens.contains($0[0])) }
        set(\.sampling.suppressed.sequences, words, "bad_words_ids")

        let (most, length) = (file.integer("max_new_tokens", "1 or more") { $0 >= 1 }, file.integer("max_length", "1 or more") { $0 >= 1 })
        set(\.maxTokens, most.map(Optional.some), "max_tokens")
        if most == nil { set(\.maxLength, length.map(Optional.some), "max_length") }
        file.refuseOthers(samples: samples != false)
        warnings = file.warnings
    }

    // MARK: general.sampling

    private static let prefix = "general.sampling."
    /// The order in which llama.cpp applies its samplers unless told otherwise; Hadal's own is the same.
    private static let usualSequences = ["edskypmxt", "penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature"]

    private mutating func read(gguf files: ModelFiles) {
        for key in files.metadataKeys where key.hasPrefix(Self.prefix) {
            guard let value = files.metadata(key) else { continue }
            let name = String(key.dropFirst(Self.prefix.count))
            if let problem = read(name, value) { warnings.append("\(SourcePlace(files.path, .field(key))): \(problem)") }
        }
    }

    /// - Returns: what is not used, and why.
    private mutating func read(_ name: String, _ value: MetadataValue) -> String? {
        if name == "sequence" {
            guard let text = value.string, !Self.usualSequences.contains(text) else { return nil }
            return "another order of samplers ('\(text)') is not supported"
        }
        guard let number = value.double, number.isFinite, abs(number) <= 1e9 else { return "this is not a number that Hadal can use" }
        switch name {
        case "temp": set(\.sampling.temperature, max(number, 0), "temperature")
        case "top_k": set(\.sampling.topK, max(Int(number), 0), "top_k")
        case "top_p" where number > 0: set(\.sampling.topP, min(number, 1), "top_p")
        case "min_p" where number <= 1: set(\.sampling.minP, max(number, 0), "min_p")
        case "penalty_repeat" where number > 0: set(\.sampling.repetitionPenalty, number, "repetition_penalty")
        case "penalty_last_n": set(\.sampling.penaltyWindow, .some(number < 0 ? nil : Int(number)), "penalty_window")
        case "top_p", "min_p", "penalty_repeat": return "\(number) is out of range and not used"
        case "mirostat", "xtc_probability": return number == 0 ? nil : "\(number) is not supported and not used"
        // What these set is off, or has been named.
        case "mirostat_tau", "mirostat_eta", "xtc_threshold": return nil
        default: return "this is not a setting that Hadal knows; it is not used"
        }
        return nil
    }
}
