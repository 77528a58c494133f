import ArgumentParser
import Hadal

/// How tokens are chosen and when to stop.
struct SamplingArguments: ParsableArguments {
    @Option(help: ArgumentHelp("Most tokens to generate.", valueName: "n"))
    var maxTokens: Int?

    @Option(help: ArgumentHelp("0 picks the likeliest token every time. Default: what the catalogue or the model recommends, else 0.8.", valueName: "f"))
    var temperature: Double?

    @Option(name: .customLong("top-k"), help: ArgumentHelp("Keep the k likeliest tokens; 0: all. Default 40.", valueName: "k"))
    var topK: Int?

    @Option(name: .customLong("top-p"), help: ArgumentHelp("Keep the likeliest tokens up to this mass; 1: all. Default 0.95.", valueName: "f"))
    var topP: Double?

    @Option(name: .customLong("min-p"), help: ArgumentHelp("Keep tokens at least this share as likely as the best. Default 0.", valueName: "f"))
    var minP: Double?

    @Option(name: .customLong("repetition-penalty"), help: ArgumentHelp("Above 1 discourages tokens seen lately. Default 1.", valueName: "f"))
    var repetitionPenalty: Double?

    @Option(name: .customLong("presence-penalty"), help: ArgumentHelp("Taken once from tokens seen lately. Default 0.", valueName: "f"))
    var presencePenalty: Double?

    @Option(name: .customLong("frequency-penalty"), help: ArgumentHelp("Taken for each time a token was seen lately. Default 0.", valueName: "f"))
    var frequencyPenalty: Double?

    @Option(help: ArgumentHelp("The same seed gives the same answer.", valueName: "n"))
    var seed: UInt64?

    @Option(help: ArgumentHelp("A text that ends the answer; may be given several times.", valueName: "text"))
    var stop: [String] = []

    @Flag(name: .customLong("ignore-eos"), help: "Go on past the model's end token.")
    var ignoreEOS = false

    /// Flags alone, to tell what is wrong with them before a model is loaded.
    func check() throws { _ = try generation(SamplingOptions()) }

    /// Flags over the catalogue's recommendation, over the model's own, over what is built in.
    func choose(for engine: Engine) throws -> ChosenSampling {
        var sampling = engine.recommendedSampling
        var sources = Dictionary(uniqueKeysWithValues: engine.recommendedSettings.map { ($0, ChosenSampling.Source.model) })
        if let recommended = engine.catalogueSampling {
            for name in sampling.adopt(recommended) { sources[name] = .catalogue }
        }
        let given: [(String, Bool)] = [
            ("temperature", temperature != nil), ("top_k", topK != nil), ("top_p", topP != nil), ("min_p", minP != nil),
            ("repetition_penalty", repetitionPenalty != nil), ("presence_penalty", presencePenalty != nil),
            ("frequency_penalty", frequencyPenalty != nil),
        ]
        for (name, isGiven) in given where isGiven { sources[name] = .flag }
        return ChosenSampling(generation: try generation(sampling), sources: sources)
    }

    private func generation(_ defaults: SamplingOptions) throws -> GenerationOptions {
        var options = GenerationOptions()
        options.sampling = defaults
        if let temperature { options.sampling.temperature = temperature }
        if let topK { options.sampling.topK = topK }
        if let topP { options.sampling.topP = topP }
        if let minP { options.sampling.minP = minP }
        if let repetitionPenalty { options.sampling.repetitionPenalty = repetitionPenalty }
        if let presencePenalty { options.sampling.presencePenalty = presencePenalty }
        if let frequencyPenalty { options.sampling.frequencyPenalty = frequencyPenalty }
        if let seed { options.sampling.seed = seed }
        try options.sampling.validate()
        if let maxTokens, maxTokens < 0 { throw ValidationError("--max-tokens must be 0 or more.") }
        options.maxTokens = maxTokens
        options.stopStrings = stop
        options.ignoreEndOfText = ignoreEOS
        return options
    }
}
