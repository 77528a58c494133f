import Foundation
import Hadal
import HadalCore

/// Descriptions of models in the form that Ollama's clients read.
enum OllamaModels {
    private static func time(_ date: Date) -> JSON { .text(date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))) }

    static func details(_ facts: ModelFacts?) -> JSON {
        guard let facts else {
            return ["parent_model": "", "format": "", "family": "", "families": [], "parameter_size": "", "quantization_level": ""]
        }
        return .members([
            ("parent_model", ""), ("format", .text(facts.description.format)), ("family", .text(facts.family)),
            ("families", [.text(facts.family)]), ("parameter_size", .text(facts.parameterSize)),
            ("quantization_level", .text(facts.quantization)),
        ])
    }

    /// An entry of `/api/tags`.
    ///
    /// - Parameter facts: nil where the files cannot be read.
    static func entry(_ name: String, _ facts: ModelFacts?) -> [(String, JSON?)] {
        [
            ("name", .text("\(name):latest")), ("model", .text("\(name):latest")),
            ("modified_at", time(facts?.modified ?? Date(timeIntervalSince1970: 0))),
            ("size", .number(facts?.description.fileBytes ?? 0)), ("digest", .text(facts?.digest ?? "")), ("details", details(facts)),
        ]
    }

    /// An entry of `/api/ps`.
    ///
    /// - Parameter expiry: when the model is let go if nobody uses it; nil: never.
    static func loaded(_ model: LoadedModel, _ facts: ModelFacts?, expiry: Date?) -> JSON {
        .members(
            entry(model.name, facts) + [
                ("expires_at", expiry.map(time) ?? "9999-12-31T00:00:00Z"), ("size_vram", 0),
                ("context_length", .number(model.engine.contextLength)),
            ])
    }

    /// The answer of `/api/show`. Tokens of the context are those that are served, which may be fewer than the model was made for.
    static func show(_ model: LoadedModel, _ facts: ModelFacts) -> JSON {
        let (engine, description, family) = (model.engine, facts.description, facts.family)
        let context = "\(family).context_length"
        let known = description.metadata.filter { $0.key != context }
        let more: [(key: String, value: JSON)] = [
            ("general.architecture", .text(family)), ("general.parameter_count", .number(description.parameterCount)),
            (context, .number(engine.contextLength)), ("\(family).block_count", .number(description.layerCount)),
            ("\(family).embedding_length", .number(description.width)), ("\(family).vocab_size", .number(description.vocabularySize)),
        ]
        let info = known + more.filter { new in !known.contains { $0.key == new.key } }
        let parameters = parameters(of: engine)
        return .members([
            ("modelfile", .text("FROM \(model.name)\n" + parameters.map { "PARAMETER \($0) \($1)\n" }.joined())),
            (
                "parameters",
                .text(parameters.map { "\($0.padding(toLength: 30, withPad: " ", startingAt: 0)) \($1)" }.joined(separator: "\n"))
            ),
            ("template", .text(engine.chatTemplate?.source ?? "")),
            ("license", facts.metadata("general.license")?.string.map(JSON.text)),
            ("details", details(facts)), ("model_info", JSON(.object(JSONObject(info.map { ($0.key, $0.value) })))),
            ("capabilities", JSON(.array(capabilities(of: engine).map(JSON.text)))), ("modified_at", time(facts.modified)),
        ])
    }

    private static func capabilities(of engine: Engine) -> [String] {
        if engine.embeddingWidth != nil { return ["embedding"] }
        var list = ["completion"]
        if engine.chatFormat.callForm != nil { list.append("tools") }
        if (try? Infill.prompt(before: "a", after: "b", engine)) != nil { list.append("insert") }
        if engine.canReason { list.append("thinking") }
        return list
    }

    /// What the model's files recommend, by the names of Ollama's options.
    private static func parameters(of engine: Engine) -> [(String, String)] {
        let options = engine.recommendation.options
        let all: [(ours: String, theirs: String, value: String)] = [
            ("temperature", "temperature", "\(options.sampling.temperature)"), ("top_p", "top_p", "\(options.sampling.topP)"),
            ("top_k", "top_k", "\(options.sampling.topK)"), ("min_p", "min_p", "\(options.sampling.minP)"),
            ("repetition_penalty", "repeat_penalty", "\(options.sampling.repetitionPenalty)"),
        ]
        let named = all.filter { engine.recommendedSettings.contains($0.ours) }.map { ($0.theirs, $0.value) }
        return named + options.stopStrings.map { ("stop", JSON.text($0).text()) }
    }
}
