import HadalCore

/// Attention over a shared latent row and one rotary key per token; keys and values of each head are kv_b times the latent.
///
/// The expanded form: every head's keys and values are made from the cached latents, then attended to as usual.
struct LatentAttention: Operator {
    static let op = "latent_attention"
    private let heads: Int
    private let nope: Int
    private let rope: Int
    private let valueDim: Int
    private let rank: Int
    private let scale: Double
    private let kvB: WeightMatrix
    private let isSelective: Bool

    init(_ node: NodeView) throws {
        heads = try node.int("heads")
        nope = try node.int("nope_dim")
        rope = try node.int("rope_dim")
        valueDim = try node.int("value_dim")
        rank = try node.int("rank")
        scale = try node.float("scale")
        try node.require(heads > 0 && nope > 0 && rope > 0 && valueDim > 0 && rank > 0, "an extent is not positive")
        kvB = try node.matrix(3)
        isSelective = node.isPresent(4)
        try node.require(
            try node.width(0) == heads * (nope + rope) && node.width(1) == rank && node.width(2) == rope
                && node.outputWidth() == heads * valueDim,
            "widths do not fit \(heads) heads of \(nope) + \(rope) and \(valueDim), rank \(rank)")
        try node.require(
            kvB.rows == heads * (nope + valueDim) && kvB.columns == rank,
            "kv_b is \(kvB.rows) x \(kvB.columns), not \(heads * (nope + valueDim)) x \(rank)")
        try node.requireSameRows(isSelective ? [0, 1, 2, 4] : [0, 1, 2])
        try node.state(0, heads: 1, width: rank + rope)
    }

    func run(_ call: OperatorCall) throws {
        let (q, latent, key, y) = (try call.rows(0), try call.rows(1), try call.rows(2), try call.output())
        let (cache, selection) = (call.cache(0), isSelective ? try call.integers(4) : nil)
        try call.requireEveryToken(q.count)
        withScratch(rank + rope) { row in
            for sequence in call.step.sequences {
                for i in 0..<sequence.count {
                    row.update(from: latent[sequence.first + i], count: rank)
                    (row + rank).update(from: key[sequence.first + i], count: rope)
                    cache.store(row, sequence, position: sequence.past + i, head: 0)
                }
            }
        }
        for sequence in call.step.sequences where sequence.count > 0 {
            let visible = try (0..<sequence.count).map { try positions(of: $0, sequence, selection) }
            let expanded = expand(sequence, cache, call)
            defer { expanded.base.deallocate() }
            let cost = sequence.count * heads * sequence.length * (nope + rope + valueDim)
            call.pool.forEach(sequence.count * heads, cost: cost) { range in
                withScratch(rope) { rotary in
                    for item in range where !call.isCancelled {
                        let (i, head) = (item / heads, item % heads)
                        let token = sequence.first + i
                        attend(
                            q[token] + head * (nope + rope), head, visible[i], sequence, cache, expanded, rotary, y[token] + head * valueDim
                        )
                    }
                }
            }
        }
    }

    /// The cached tokens that the `i`th new token sees, in ascending order.
    private func positions(of i: Int, _ sequence: StepLayout.Sequence, _ selection: IntegerRows?) throws -> [Int] {
        let own = sequence.past + i
        guard let selection else { return Array(0...own) }
        var chosen: Set<Int> = []
        for s in 0..<selection.width {
            let position = Int(selection[sequence.first + i][s])
            guard position >= -1, position <= own else {
                throw HadalError(.invalidArgument, "query \(own) selects token \(position)")
            }
            if position >= 0 { chosen.insert(position) }
        }
        return chosen.sorted()
    }

    /// kv_b times every cached latent: row r is row r of kv_b over the tokens, in double precision.
    private func expand(_ sequence: StepLayout.Sequence, _ cache: PagedCache, _ call: OperatorCall) -> Expanded {
        let length = sequence.length
        let latents = UnsafeMutablePointer<Float>.allocate(capacity: max(length * rank, 1))
        defer { latents.deallocate() }
        for j in 0..<length { cache.load(sequence, position: j, head: 0, count: rank, into: latents + j * rank) }
        let expanded = Expanded(base: .allocate(capacity: kvB.rows * length), length: length)
        let source = Rows(base: latents, count: length, width: rank)
        call.pool.forEach(kvB.rows, cost: kvB.rows * rank * length) { range in
            withScratch(rank) { row in
                for r in range where !call.isCancelled {
                    kvB.decode(row: r, into: row)
                    for j in 0..<length { expanded.base[r * length + j] = dot(source[j], row, rank) }
                }
            }
        }
        return expanded
    }

    private struct Expanded: @unchecked Sendable {
        let base: UnsafeMutablePointer<Double>
        let length: Int
    }

    private func attend(
        _ query: UnsafePointer<Float>, _ head: Int, _ visible: [Int], _ sequence: StepLayout.Sequence, _ cache: PagedCache,
        _ expanded: Expanded, _ rotary: UnsafeMutablePointer<Float>, _ out: UnsafeMutablePointer<Float>
    ) {
        let first = head * (nope + valueDim)
        var weights = visible.map { j in
            cache.load(sequence, position: j, head: 0, start: rank, count: rope, into: rotary)
            var score = dot(query + nope, rotary, rope)
            for d in 0..<nope { score += Double(query[d]) * expanded.base[(first + d) * expanded.length + j] }
            return scale * score
        }
        softmax(&weights)
        for d in 0..<valueDim {
            let row = expanded.base + (first + nope + d) * expanded.length
            var sum = 0.0
            for (j, weight) in Swift.zip(visible, weights) { sum += weight * row[j] }
            out[d] = Float(sum)
        }
    }
}
