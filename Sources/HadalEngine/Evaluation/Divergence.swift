package import HadalCore

/// How far a model's predictions of a text lie from a reference's: what quantising or another backend changed.
package struct Divergence: Sendable {
    package let tokens: Int
    package let scoredTokens: Int
    package let windows: EvaluationWindows
    /// Mean Kullback-Leibler divergence KL(reference ‖ model) over the scored tokens, in nats.
    package let mean: Double
    package let standardError: Double?
    package let median: Double
    package let percentile95: Double
    package let percentile99: Double
    package let maximum: Double
    /// Share of scored tokens for which both models have the same most likely token.
    package let agreement: Double
    /// Mean negative log-likelihood of the text, in nats.
    package let meanNLL: Double
    package let referenceMeanNLL: Double

    init(
        tokens: Int, windows: EvaluationWindows, divergence: SampleStatistics, agreeing: Int, nll: SampleStatistics,
        referenceNLL: SampleStatistics
    ) {
        self.tokens = tokens
        self.windows = windows
        scoredTokens = divergence.values.count
        mean = divergence.mean
        standardError = divergence.standardError
        let quantiles = divergence.quantiles([0.5, 0.95, 0.99, 1])
        (median, percentile95, percentile99, maximum) = (quantiles[0], quantiles[1], quantiles[2], quantiles[3])
        agreement = Double(agreeing) / Double(max(1, scoredTokens))
        meanNLL = nll.mean
        referenceMeanNLL = referenceNLL.mean
    }

    package var json: JSON {
        [
            "tokens": JSON(.int(Int64(tokens))), "scored_tokens": JSON(.int(Int64(scoredTokens))),
            "context": JSON(.int(Int64(windows.context))), "stride": JSON(.int(Int64(windows.stride))),
            "bos": JSON(.bool(windows.bos != nil)),
            "mean_kl": JSON(.double(mean)), "mean_kl_error": standardError.map { JSON(.double($0)) } ?? .null,
            "median_kl": JSON(.double(median)), "kl_95": JSON(.double(percentile95)), "kl_99": JSON(.double(percentile99)),
            "max_kl": JSON(.double(maximum)), "top1_agreement": JSON(.double(agreement)),
            "mean_nll": JSON(.double(meanNLL)), "reference_mean_nll": JSON(.double(referenceMeanNLL)),
        ]
    }
}
