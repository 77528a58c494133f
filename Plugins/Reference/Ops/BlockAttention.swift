import HadalCore

/// Appends this step's keys and values to the cache, then softmax(scale * q k^T) v over the cached tokens of the blocks that were chosen
/// for each query.
struct BlockAttention: Operator {
    static let op = "block_attention"
    private let block: Int
    private let choices: Int
    private let heads: Int
    private let kvHeads: Int
    private let headDim: Int
    private let valueDim: Int
    private let scale: Double
    private let chosen: Int

    init(_ node: NodeView) throws {
        block = try node.int("block")
        choices = try node.int("choices")
        heads = try node.int("heads")
        kvHeads = try node.int("kv_heads")
        headDim = try node.int("head_dim")
        valueDim = try node.int("value_dim")
        scale = try node.float("scale")
        try node.require(
            block > 0 && choices > 0 && heads > 0 && kvHeads > 0 && heads % kvHeads == 0 && heads % choices == 0 && headDim > 0
                && valueDim > 0,
            "\(heads) heads over \(kvHeads) with \(choices) choices")
        let width = try node.width(3)
        try node.require(
            try node.width(0) == heads * headDim && node.width(1) == kvHeads * headDim && node.width(2) == kvHeads * valueDim
                && node.outputWidth() == heads * valueDim && width % choices == 0,
            "widths do not fit \(heads) heads over \(kvHeads) of \(headDim) and \(valueDim)")
        chosen = width / choices
        try node.requireSameRows([0, 1, 2, 3])
        try node.state(0, heads: kvHeads, width: headDim)
        try node.state(1, heads: kvHeads, width: valueDim)
    }

    func run(_ call: OperatorCall) throws {
        let (q, k, v, blocks, y) = (try call.rows(0), try call.rows(1), try call.rows(2), try call.integers(3), try call.output())
        let (keys, values) = (call.cache(0), call.cache(1))
        try call.requireEveryToken(q.count)
        for sequence in call.step.sequences {
            for i in 0..<sequence.count {
                let (token, position) = (sequence.first + i, sequence.past + i)
                for head in 0..<kvHeads {
                    keys.store(k[token] + head * headDim, sequence, position: position, head: head)
                    values.store(v[token] + head * valueDim, sequence, position: position, head: head)
                }
            }
        }
        for sequence in call.step.sequences {
            let cost = sequence.count * heads * chosen * block * (headDim + valueDim)
            call.pool.forEach(sequence.count * heads, cost: cost) { range in
                withScratch(max(headDim, valueDim)) { row in
                    for item in range where !call.isCancelled {
                        let (i, head) = (item / heads, item % heads)
                        let token = sequence.first + i
                        let list = (0..<chosen).map { Int(blocks[token][head / (heads / choices) * chosen + $0]) }
                        attend(
                            query: q[token] + head * headDim, tokens: self.tokens(list, seen: sequence.past + i + 1),
                            kvHead: head / (heads / kvHeads), sequence, keys, values, row, y[token] + head * valueDim)
                    }
                }
            }
        }
    }

    /// The cached tokens of the blocks, of the first `seen`.
    private func tokens(_ list: [Int], seen: Int) -> [Int] {
        list.flatMap { number in number < 0 || number * block >= seen ? 0..<0 : number * block..<min((number + 1) * block, seen) }
    }

    private func attend(
        query: UnsafePointer<Float>, tokens: [Int], kvHead: Int, _ sequence: StepLayout.Sequence, _ keys: PagedCache, _ values: PagedCache,
        _ row: UnsafeMutablePointer<Float>, _ out: UnsafeMutablePointer<Float>
    ) {
        var weights = tokens.map { j -> Double in
            keys.load(sequence, position: j, head: kvHead, count: headDim, into: row)
            return scale * dot(query, row, headDim)
        }
        if !weights.isEmpty { softmax(&weights) }
        var sum = [Double](repeating: 0, count: valueDim)
        for (j, weight) in zip(tokens, weights) {
            values.load(sequence, position: j, head: kvHead, count: valueDim, into: row)
            for d in 0..<valueDim { sum[d] += weight * Double(row[d]) }
        }
        for d in 0..<valueDim { out[d] = Float(sum[d]) }
    }
}
