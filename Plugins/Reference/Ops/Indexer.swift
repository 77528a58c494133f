import HadalCore

/// Chooses the cached tokens that each token may attend to: the `top_k` with the highest score, sum over heads of w * max(q . k, 0).
///
/// Scores are in double precision. The choice is written in ascending order; ties go to the lower index, and NaN is the lowest score.
struct Indexer: Operator {
    static let op = "indexer"
    private let heads: Int
    private let dim: Int
    private let topK: Int

    init(_ node: NodeView) throws {
        heads = try node.int("heads")
        dim = try node.int("dim")
        topK = try node.int("top_k")
        try node.require(heads > 0 && dim > 0 && topK > 0, "an extent is not positive")
        let (wide, overflow) = heads.multipliedReportingOverflow(by: dim)
        try node.require(
            try !overflow && node.width(0) == wide && node.width(1) == dim && node.width(2) == heads && node.outputWidth() == topK,
            "widths do not fit \(heads) heads of \(dim) and top \(topK)")
        try node.requireSameRows([0, 1, 2])
        try node.state(0, heads: 1, width: dim)
    }

    func run(_ call: OperatorCall) throws {
        let (q, k, w, selection) = (try call.rows(0), try call.rows(1), try call.rows(2), try call.integerOutput())
        let cache = call.cache(0)
        try call.requireEveryToken(q.count)
        for sequence in call.step.sequences {
            for i in 0..<sequence.count {
                cache.store(k[sequence.first + i], sequence, position: sequence.past + i, head: 0)
            }
        }
        for sequence in call.step.sequences where sequence.count > 0 {
            call.pool.forEach(sequence.count, cost: sequence.count * sequence.length * heads * dim) { range in
                withScratch(dim) { key in
                    for i in range where !call.isCancelled {
                        let token = sequence.first + i
                        let chosen = choice(q[token], w[token], sequence, seen: sequence.past + i + 1, cache, key)
                        for s in 0..<topK { selection[token][s] = s < chosen.count ? Int32(clamping: chosen[s]) : -1 }
                    }
                }
            }
        }
    }

    /// The cached tokens, of the first `seen`, that a query chooses, in ascending order.
    private func choice(
        _ q: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ sequence: StepLayout.Sequence, seen: Int, _ cache: PagedCache,
        _ key: UnsafeMutablePointer<Float>
    ) -> [Int] {
        guard seen > topK else { return Array(0..<seen) }
        let scores = (0..<seen).map { j -> Double in
            cache.load(sequence, position: j, head: 0, count: dim, into: key)
            var score = 0.0
            for head in 0..<heads {
                let product = dot(q + head * dim, key, dim)
                score += Double(w[head]) * (product < 0 ? 0 : product)
            }
            return score
        }
        let order = scores.indices.sorted { a, b in
            switch (scores[a].isNaN, scores[b].isNaN) {
            case (false, false) where scores[a] != scores[b]: scores[a] > scores[b]
            case (false, true): true
            case (true, false): false
            default: a < b
            }
        }
        return order[..<topK].sorted()
    }
}
