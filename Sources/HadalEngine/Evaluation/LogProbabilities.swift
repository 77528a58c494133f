#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import HadalCore

/// A row of logits as probabilities: sums are taken in double precision.
struct LogProbabilities {
    let logits: UnsafeBufferPointer<Float>
    /// ln of the sum of exp(logit).
    let normaliser: Double
    /// The most likely id; the lowest among equals.
    let best: Int

    /// - Throws: `malformed` when the row holds something that is no number.
    init(_ logits: UnsafeBufferPointer<Float>, position: Int) throws {
        var (peak, best) = (-Float.infinity, 0)
        for (id, value) in logits.enumerated() where value > peak { (peak, best) = (value, id) }
        var sum = 0.0
        for value in logits { sum += exp(Double(value) - Double(peak)) }
        guard peak.isFinite, sum.isFinite else {
            throw HadalError(.malformed, "the logits for token \(position) are not numbers")
        }
        self.logits = logits
        self.best = best
        normaliser = Double(peak) + log(sum)
    }

    func callAsFunction(_ id: Int) -> Double { Double(logits[id]) - normaliser }

    /// The Kullback-Leibler divergence from this distribution to another over the same ids, in nats.
    func divergence(to other: LogProbabilities) -> Double {
        var sum = 0.0
        for id in logits.indices {
            let mine = self(id)
            let probability = exp(mine)
            if probability > 0 { sum += probability * (mine - other(id)) }
        }
        return max(sum, 0)
    }
}
