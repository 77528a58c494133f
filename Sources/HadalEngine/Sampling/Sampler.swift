#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

package import HadalConstraints

/// Chooses tokens. All work space is allocated at `init`; `sample` allocates nothing.
///
/// Not thread-safe. Tokens are counted for the penalties as they come: from one call of `sample` to the next a history may only grow, or
/// become shorter, which counts it from its start again.
package final class Sampler {
    package let options: SamplingOptions
    /// The seed in use, drawn at random when the options named none.
    package let seed: UInt64
    private var random: SeededRandom
    private let vocabulary: Int
    /// Token ids, partially ordered by descending logit while sampling.
    private let order: UnsafeMutablePointer<Int32>
    private let adjusted: UnsafeMutablePointer<Float>
    private let probabilities: UnsafeMutablePointer<Double>
    private var penalties: TokenPenalties

    package init(options: SamplingOptions, vocabulary: Int) throws {
        try options.validate()
        self.options = options
        self.vocabulary = vocabulary
        seed = options.seed ?? UInt64.random(in: 0...UInt64(Int64.max))
        random = SeededRandom(seed: seed)
        order = .allocate(capacity: vocabulary)
        adjusted = .allocate(capacity: vocabulary)
        probabilities = .allocate(capacity: vocabulary)
        penalties = TokenPenalties(options, vocabulary: vocabulary)
    }

    deinit {
        order.deallocate()
        adjusted.deallocate()
        probabilities.deallocate()
        penalties.deallocate()
    }

    /// The next token.
    ///
    /// - Parameters:
    ///   - logits: `[vocabulary]`; NaN counts as minus infinity.
    ///   - history: the tokens so far, the newest last.
    ///   - promptLength: how many of them were there before this generation.
    ///   - allowed: no other is chosen, unless none of these can be; nil: all.
    package func sample(
        _ logits: UnsafePointer<Float>, history: UnsafeBufferPointer<Int32>, promptLength: Int = 0, allowed: TokenMask? = nil
    ) -> Int32 {
        for i in 0..<vocabulary { adjusted[i] = logits[i].isNaN ? -.infinity : logits[i] }
        if let allowed {
            for (index, word) in allowed.words.enumerated() where word != ~0 {
                for bit in 0..<min(64, vocabulary - 64 * index) where word >> UInt64(bit) & 1 == 0 {
                    adjusted[64 * index + bit] = -.infinity
                }
            }
        }
        for (token, bias) in options.logitBias where token >= 0 && Int(token) < vocabulary {
            adjusted[Int(token)] = Float(Double(adjusted[Int(token)]) + bias)
        }
        penalties.apply(to: adjusted, history: history, promptLength: promptLength)
        options.suppressed.apply(to: adjusted, vocabulary: vocabulary, history: history, promptLength: promptLength)
        if options.temperature == 0 { return indexOfLargest(adjusted, vocabulary) }

        let kept = options.topK > 0 ? min(options.topK, vocabulary) : vocabulary
        selectTop(kept)
        // Probabilities at temperature 1 decide what is kept; the temperature then shapes what is left.
        let best = Double(adjusted[Int(order[0])])
        var total = 0.0
        for i in 0..<kept {
            probabilities[i] = exp(Double(adjusted[Int(order[i])]) - best)
            total += probabilities[i]
        }
        var count = kept
        if options.topP < 1 {
            var sum = 0.0
            for i in 0..<kept {
                sum += probabilities[i]
                if sum >= options.topP * total { count = i + 1; break }
            }
        }
        if options.minP > 0 {
            while count > 1, probabilities[count - 1] < options.minP * probabilities[0] { count -= 1 }
        }
        var mass = 0.0
        for i in 0..<count {
            probabilities[i] = exp((Double(adjusted[Int(order[i])]) - best) / options.temperature)
            mass += probabilities[i]
        }
        guard mass.isFinite, mass > 0 else { return order[0] }
        // What has no probability is never drawn, not even where rounding leaves the sum short of the target.
        while count > 1, probabilities[count - 1] == 0 { count -= 1 }
        var target = random.uniform() * mass
        for i in 0..<count {
            target -= probabilities[i]
            if target < 0 { return order[i] }
        }
        return order[count - 1]
    }

    /// Puts the `k` largest logits first in `order`, in descending order; ties by lower id.
    private func selectTop(_ k: Int) {
        func before(_ a: Int32, _ b: Int32) -> Bool {
            let (x, y) = (adjusted[Int(a)], adjusted[Int(b)])
            return x > y || (x == y && a < b)
        }
        if k == vocabulary {
            for i in 0..<vocabulary { order[i] = Int32(i) }
            let all = UnsafeMutableBufferPointer(start: order, count: vocabulary)
            var sortable = all
            sortable.sort(by: before)
            return
        }
        // A heap of the k best, its root the worst of them.
        func siftDown(_ start: Int, _ count: Int) {
            var parent = start
            while true {
                var child = 2 * parent + 1
                guard child < count else { return }
                if child + 1 < count, before(order[child], order[child + 1]) { child += 1 }
                guard before(order[parent], order[child]) else { return }
                (order[parent], order[child]) = (order[child], order[parent])
                parent = child
            }
        }
        for i in 0..<k { order[i] = Int32(i) }
        for i in stride(from: k / 2 - 1, through: 0, by: -1) { siftDown(i, k) }
        for i in k..<vocabulary where before(Int32(i), order[0]) {
            order[0] = Int32(i)
            siftDown(0, k)
        }
        for last in stride(from: k - 1, to: 0, by: -1) {
            (order[0], order[last]) = (order[last], order[0])
            siftDown(0, last)
        }
    }
}

/// The index of the largest value: the first of several; NaN is never the largest; 0 when all are NaN.
func indexOfLargest(_ values: UnsafePointer<Float>, _ count: Int) -> Int32 {
    let values = UnsafeBufferPointer(start: values, count: count)
    guard var best = values.firstIndex(where: { !$0.isNaN }) else { return 0 }
    for i in best..<count where values[i] > values[best] { best = i }
    return Int32(best)
}
