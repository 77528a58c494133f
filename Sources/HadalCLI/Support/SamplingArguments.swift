import ArgumentParser
import Hadal

/// How tokens are chosen and when to stop.
struct SamplingArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Maximum number of tokens to generate; -1: limited by the context only. Default: the model's recommendation, else -1.",
            valueName: "n"),
        transform: NumberOption.integer(0..., orMinusOne: "no limit but the context"))
    var maxTokens: NumberOption.OptionalInteger?

    @Option(
        help: ArgumentHelp(
            "Sampling temperature; 0: always the most likely token. Default: the recommendation of the catalogue or the model, else 0.8.",
            valueName: "f"),
        transform: NumberOption.number(atLeast: 0))
    var temperature: Double?

    @Option(
        name: .customLong("top-k"), help: ArgumentHelp("Sample from the k most likely tokens; 0 or -1: all. Default 40.", valueName: "k"),
        transform: NumberOption.integer(0..., orMinusOne: "all"))
    var topK: NumberOption.OptionalInteger?

    @Option(
        name: .customLong("top-p"),
        help: ArgumentHelp("Sample from the most likely tokens up to this cumulative probability; 1: all. Default 0.95.", valueName: "f"),
        transform: NumberOption.number(above: 0, atMost: 1))
    var topP: Double?

    @Option(
        name: .customLong("min-p"),
        help: ArgumentHelp("Minimum probability of a token, relative to the most likely one. Default 0.", valueName: "f"),
        transform: NumberOption.number(0...1))
    var minP: Double?

    @Option(
        name: .customLong("repetition-penalty"),
        help: ArgumentHelp(
            "Repetition penalty: above 1 makes tokens of the prompt and the answer so far less likely. Default 1.", valueName: "f"),
        transform: NumberOption.number(above: 0))
    var repetitionPenalty: Double?

    @Option(
        name: .customLong("presence-penalty"),
        help: ArgumentHelp(
            "Presence penalty: subtracted once from the logit of any token of the answer so far. Default 0.", valueName: "f"),
        transform: NumberOption.number)
    var presencePenalty: Double?

    @Option(
        name: .customLong("frequency-penalty"),
        help: ArgumentHelp(
            "Frequency penalty: subtracted from a token's logit per occurrence in the answer so far. Default 0.", valueName: "f"),
        transform: NumberOption.number)
    var frequencyPenalty: Double?

    @Option(
        name: .customLong("penalty-window"),
        help: ArgumentHelp("Number of recent tokens that the penalties consider; 0: none. Default: the whole sequence.", valueName: "n"),
        transform: NumberOption.integer(0...))
    var penaltyWindow: Int?

    @Option(
        help: ArgumentHelp("Random seed; -1: a new one each time. The same seed gives the same answer.", valueName: "n"),
        transform: NumberOption.seed)
    var seed: UInt64?

    @Option(help: ArgumentHelp("Stop text: the answer ends before it; may be given several times.", valueName: "text"))
    var stop: [String] = []

    @Flag(name: .customLong("ignore-eos"), help: "Continue past the model's end token.")
    var ignoreEOS = false

    /// Flags over the catalogue's recommendation, over the model's own, over what is built in.
    ///
    /// - Parameter log: told what the model recommends and Hadal does not do.
    func choose(for engine: Engine, log: LogSink) -> ChosenSampling {
        let recommendation = engine.recommendation
        for warning in recommendation.warnings { log.write(.warning, warning) }
        var chosen = ChosenSampling(generation: recommendation.options)
        for name in recommendation.named { chosen.sources[name] = .model }
        if let recommended = engine.catalogueSampling {
            for name in chosen.generation.sampling.adopt(recommended) { chosen.sources[name] = .catalogue }
        }
        chosen.take(temperature, \.sampling.temperature, "temperature")
        chosen.take(topK.map { $0.value ?? 0 }, \.sampling.topK, "top_k")
        chosen.take(topP, \.sampling.topP, "top_p")
        chosen.take(minP, \.sampling.minP, "min_p")
        chosen.take(repetitionPenalty, \.sampling.repetitionPenalty, "repetition_penalty")
        chosen.take(presencePenalty, \.sampling.presencePenalty, "presence_penalty")
        chosen.take(frequencyPenalty, \.sampling.frequencyPenalty, "frequency_penalty")
        chosen.take(penaltyWindow.map(Optional.some), \.sampling.penaltyWindow, "penalty_window")
        if let maxTokens {
            chosen.take(.some(maxTokens.value), \.maxTokens, "max_tokens")
            // The flag takes the place of either limit of the model's.
            chosen.generation.maxLength = nil
            chosen.sources["max_length"] = nil
        }
        chosen.addStops(stop)
        chosen.generation.sampling.seed = seed
        chosen.generation.ignoreEndOfText = ignoreEOS
        return chosen
    }
}
