import Hadal

/// The sampling of a run, and where each setting came from.
struct ChosenSampling {
    enum Source: String { case flag, catalogue, model, builtIn = "built-in" }

    var generation: GenerationOptions
    /// By the names of `SamplingOptions.json`; what is not named is built in.
    var sources: [String: Source]

    /// The settings that steer the choice, with where they came from.
    var line: String {
        let settings = generation.sampling.json.object ?? JSONObject()
        return "sampling: " + settings.members.map { "\($0.key) \($0.value.text()) (\((sources[$0.key] ?? .builtIn).rawValue))" }.joined(separator: ", ")
    }

    var json: JSON {
        var object = generation.sampling.json.object ?? JSONObject()
        let keys = object.keys
        object["from"] = JSON(.object(JSONObject(keys.map { ($0, JSON(.string((sources[$0] ?? .builtIn).rawValue))) })))
        return JSON(.object(object))
    }
}
