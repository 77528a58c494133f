import ArgumentParser
import Hadal

/// How tokens are chosen and when to stop.
struct SamplingArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Most tokens to generate; -1: no limit but the context. Default: what the model recommends, else -1.", valueName: "n"),
        transform: NumberOption.integer(0..., orMinusOne: "no limit but the context"))
    var maxTokens: NumberOption.OptionalInteger?

    @Option(
        help: ArgumentHelp(
            "0 picks the likeliest token every time. Default: what the catalogue or the model recommends, else 0.8.", valueName: "f"),
        transform: NumberOption.number(atLeast: 0))
    var temperature: Double?

    @Option(
        name: .customLong("top-k"), help: ArgumentHelp("Keep the k likeliest tokens; 0 or -1: all. Default 40.", valueName: "k"),
        transform: NumberOption.integer(0..., orMinusOne: "all"))
    var topK: NumberOption.OptionalInteger?

    @Option(
        name: .customLong("top-p"), help: ArgumentHelp("Keep the likeliest tokens up to this mass; 1: all. Default 0.95.", valueName: "f"),
        transform: NumberOption.number(above: 0, atMost: 1))
    var topP: Double?

    @Option(
        name: .customLong("min-p"), help: ArgumentHelp("Keep tokens at least this share as likely as the best. Default 0.", valueName: "f"),
        transform: NumberOption.number(0...1))
    var minP: Double?

    @Option(
        name: .customLong("repetition-penalty"),
        help: ArgumentHelp("Above 1 discourages tokens of the prompt and the answer so far. Default 1.", valueName: "f"),
        transform: NumberOption.number(above: 0))
    var repetitionPenalty: Double?

    @Option(
        name: .customLong("presence-penalty"),
        help: ArgumentHelp("Taken once from tokens of the answer so far. Default 0.", valueName: "f"), transform: NumberOption.number)
    var presencePenalty: Double?

    @Option(
        name: .customLong("frequency-penalty"),
        help: ArgumentHelp("Taken for each time a token is in the answer so far. Default 0.", valueName: "f"), transform: NumberOption.number)
    var frequencyPenalty: Double?

    @Option(
        name: .customLong("penalty-window"),
        help: ArgumentHelp("Penalise only what is among the last n tokens; 0: nothing. Default: the whole sequence.", valueName: "n"),
        transform: NumberOption.integer(0...))
    var penaltyWindow: Int?

    @Option(help: ArgumentHelp("The same seed gives the same answer; -1: a random one.", valueName: "n"), transform: NumberOption.seed)
    var seed: UInt64?

    @Option(help: ArgumentHelp("A text that ends the answer; may be given several times.", valueName: "text"))
    var stop: [String] = []

    @Flag(name: .customLong("ignore-eos"), help: "Go on past the model's end token.")
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
