import Hadal

/// What drafts do for a greedy answer to a random prompt.
struct SpeculationFigures {
    private(set) var rates: [Double] = []
    private(set) var plainRates: [Double] = []
    /// Of the last repetition.
    private(set) var summary: SpeculationSummary?

    init(_ engine: Engine, prompt: [Int32], tokens: Int, repetitions: Int) throws {
        var options = GenerationOptions()
        options.sampling = .greedy
        options.maxTokens = min(tokens, engine.contextLength - prompt.count)
        options.ignoreEndOfText = true
        for repetition in 0...repetitions {
            for speculates in [false, true] {
                let session = engine.makeSession()
                try session.append(prompt)
                options.speculates = speculates
                let result = try session.generateTokens(options) { _ in .continue }
                if repetition == 0 { continue }
                if speculates { rates.append(result.tokensPerSecond) } else { plainRates.append(result.tokensPerSecond) }
                summary = result.speculation ?? summary
            }
        }
    }
}
