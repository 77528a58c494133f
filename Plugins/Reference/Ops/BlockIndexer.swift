import HadalCore

/// Chooses blocks of cached tokens for each token and head: the `top_k` whose best key scores highest, in ascending order.
///
/// A block's score is the greatest product of the query with a key of it that the query may see, in double precision. Ties go to the
/// lower number, and NaN is the lowest score.
struct BlockIndexer: Operator {
    static let op = "block_indexer"
    private let block: Int
    private let dim: Int
    private let heads: Int
    private let local: Int
    private let topK: Int

    init(_ node: NodeView) throws {
        block = try node.int("block")
        dim = try node.int("dim")
        heads = try node.int("heads")
        local = try node.int("local")
        topK = try node.int("top_k")
        try node.require(block > 0 && dim > 0 && heads > 0 && topK > 0 && (0...topK).contains(local), "an extent is out of range")
        try node.require(
            try node.width(0) == heads * dim && node.width(1) == dim && node.outputWidth() == heads * topK,
            "widths do not fit \(heads) heads of \(dim) and top \(topK)")
        try node.requireSameRows([0, 1])
        try node.state(0, heads: 1, width: dim)
    }

    func run(_ call: OperatorCall) throws {
        let (q, k, blocks) = (try call.rows(0), try call.rows(1), try call.integerOutput())
        let cache = call.cache(0)
        try call.requireEveryToken(q.count)
        for sequence in call.step.sequences {
            for i in 0..<sequence.count {
                cache.store(k[sequence.first + i], sequence, position: sequence.past + i, head: 0)
            }
        }
        for sequence in call.step.sequences where sequence.count > 0 {
            call.pool.forEach(sequence.count * heads, cost: sequence.count * sequence.length * heads * dim) { range in
                withScratch(dim) { key in
                    for item in range where !call.isCancelled {
                        let (i, head) = (item / heads, item % heads)
                        let token = sequence.first + i
                        let chosen = choice(q[token] + head * dim, sequence, seen: sequence.past + i + 1, cache, key)
                        for s in 0..<topK { blocks[token][head * topK + s] = s < chosen.count ? Int32(clamping: chosen[s]) : -1 }
                    }
                }
            }
        }
    }

    /// The blocks of the first `seen` cached tokens that a query chooses, in ascending order.
    private func choice(
        _ q: UnsafePointer<Float>, _ sequence: StepLayout.Sequence, seen: Int, _ cache: PagedCache, _ key: UnsafeMutablePointer<Float>
    ) -> [Int] {
        let own = (seen - 1) / block
        guard own >= topK else { return Array(0...own) }
        let scores = (0...own).map { number -> Double in
            if number + local > own { return .infinity }
            var best = -Double.infinity
            var isNumber = false
            for j in number * block..<min((number + 1) * block, seen) {
                cache.load(sequence, position: j, head: 0, count: dim, into: key)
                let product = dot(q, key, dim)
                guard !product.isNaN else { continue }
                isNumber = true
                best = max(best, product)
            }
            return isNumber ? best : .nan
        }
        let order = scores.indices.sorted { a, b in
            let (isLocalA, isLocalB) = (a + local > own, b + local > own)
            if isLocalA != isLocalB { return isLocalA }
            return switch (scores[a].isNaN, scores[b].isNaN) {
            case (false, false) where scores[a] != scores[b]: scores[a] > scores[b]
            case (false, true): true
            case (true, false): false
            default: a < b
            }
        }
        return order[..<topK].sorted()
    }
}
