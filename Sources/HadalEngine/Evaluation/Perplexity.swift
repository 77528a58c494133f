#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
package import HadalCore

/// How well a model predicts a text.
package struct Perplexity: Sendable {
    /// Of the text, BOS not counted.
    package let tokens: Int
    package let scoredTokens: Int
    package let windows: EvaluationWindows
    /// Mean negative log-likelihood of a scored token, in nats.
    package let meanNLL: Double
    /// Standard error of that mean, tokens taken as independent; nil for a single token.
    package let standardError: Double?
    /// Of each scored token, in order.
    package let nll: [Float]

    init(tokens: Int, windows: EvaluationWindows, _ nll: SampleStatistics) {
        self.tokens = tokens
        self.windows = windows
        scoredTokens = nll.values.count
        meanNLL = nll.mean
        standardError = nll.standardError
        self.nll = nll.values
    }

    /// exp(mean NLL).
    package var perplexity: Double { exp(meanNLL) }
    /// Standard error of the perplexity, to first order.
    package var perplexityError: Double? { standardError.map { $0 * perplexity } }

    package var json: JSON {
        [
            "tokens": JSON(.int(Int64(tokens))), "scored_tokens": JSON(.int(Int64(scoredTokens))),
            "context": JSON(.int(Int64(windows.context))), "stride": JSON(.int(Int64(windows.stride))),
            "bos": JSON(.bool(windows.bos != nil)),
            "mean_nll": JSON(.double(meanNLL)), "mean_nll_error": standardError.map { JSON(.double($0)) } ?? .null,
            "perplexity": JSON(.double(perplexity)), "perplexity_error": perplexityError.map { JSON(.double($0)) } ?? .null,
        ]
    }
}
