import Hadal
import HadalCore

/// How a run generates, and where each setting came from.
struct ChosenSampling {
    enum Source: String {
        case flag, catalogue, model
        case builtIn = "built-in"
        /// Of texts that end the answer: some from either.
        case flagAndModel = "flag, model"
    }

    var generation: GenerationOptions
    /// By the names of `settings`; what is not named is built in.
    var sources: [String: Source] = [:]

    init(generation: GenerationOptions) { self.generation = generation }

    /// Takes a flag's value, if it was given.
    mutating func take<Value>(_ value: Value?, _ key: WritableKeyPath<GenerationOptions, Value>, _ name: String) {
        guard let value else { return }
        generation[keyPath: key] = value
        sources[name] = .flag
    }

    /// Texts given as flags, beside those of the model.
    mutating func addStops(_ texts: [String]) {
        guard !texts.isEmpty else { return }
        sources["stop"] = generation.stopStrings.isEmpty ? .flag : .flagAndModel
        generation.stopStrings += texts
    }

    /// Those of the sampling, and what else a model can recommend: the latter only where there is something.
    private var settings: JSONObject {
        var object = generation.sampling.json.object ?? JSONObject()
        func ids(_ list: [Int32]) -> JSON { JSON(.array(list.map { JSON(.int(Int64($0))) })) }
        let suppressed = generation.sampling.suppressed
        if generation.maxTokens != nil || sources["max_tokens"] != nil {
            object["max_tokens"] = generation.maxTokens.map { JSON(.int(Int64($0))) } ?? .null
        }
        if let limit = generation.maxLength { object["max_length"] = JSON(.int(Int64(limit))) }
        if !generation.stopStrings.isEmpty { object["stop"] = JSON(.array(generation.stopStrings.map { JSON(.string($0)) })) }
        if !suppressed.always.isEmpty { object["suppress_tokens"] = ids(suppressed.always) }
        if !suppressed.atStart.isEmpty { object["begin_suppress_tokens"] = ids(suppressed.atStart) }
        if !suppressed.sequences.isEmpty { object["bad_words_ids"] = JSON(.array(suppressed.sequences.map(ids))) }
        return object
    }

    private func source(_ name: String) -> String { (sources[name] ?? .builtIn).rawValue }

    var line: String {
        "sampling: " + settings.members.map { "\($0.key) \($0.value.text()) (\(source($0.key)))" }.joined(separator: ", ")
    }

    var json: JSON {
        var object = settings
        object["from"] = JSON(.object(JSONObject(object.keys.map { ($0, JSON(.string(source($0)))) })))
        return JSON(.object(object))
    }
}
