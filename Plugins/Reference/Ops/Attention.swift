import HadalCore

/// Appends this step's keys and values to the cache, then softmax(scale * q k^T) v over the cached tokens each query may see.
struct Attention: Operator {
    static let op = "attention"
    private let heads: Int
    private let kvHeads: Int
    private let headDim: Int
    private let valueDim: Int
    private let scale: Double
    private let window: Int
    private let chunk: Int
    /// Later keys that a query sees; -1: all.
    private let future: Int
    private let appends: Bool
    private let cap: Double
    private let sinks: WeightMatrix?

    init(_ node: NodeView) throws {
        heads = try node.int("heads")
        kvHeads = try node.int("kv_heads")
        headDim = try node.int("head_dim")
        valueDim = try node.int("value_dim")
        scale = try node.float("scale")
        window = try node.int("window")
        chunk = try node.int("window_chunk")
        future = try node.int("window_future")
        appends = node.isPresent(1)
        cap = try node.float("softcap")
        try node.require(
            heads > 0 && kvHeads > 0 && heads % kvHeads == 0 && headDim > 0 && valueDim > 0 && window >= 0 && chunk >= 0 && cap >= 0,
            "\(heads) heads over \(kvHeads) of \(headDim) and \(valueDim)")
        try node.require(future >= -1 && (future == 0 || chunk == 0), "window_future \(future) with window_chunk \(chunk)")
        try node.require(node.isPresent(2) == appends, "keys and values are given together")
        try node.require(
            try node.width(0) == heads * headDim && node.outputWidth() == heads * valueDim
                && (!appends || node.width(1) == kvHeads * headDim && node.width(2) == kvHeads * valueDim),
            "widths do not fit \(heads) heads over \(kvHeads) of \(headDim) and \(valueDim)")
        try node.requireSameRows(appends ? [0, 1, 2] : [0])
        sinks = try node.optionalVector(3, count: heads)
        try node.state(0, heads: kvHeads, width: headDim)
        try node.state(1, heads: kvHeads, width: valueDim)
    }

    func run(_ call: OperatorCall) throws {
        let (q, y) = (try call.rows(0), try call.output())
        let (keys, values, sinks) = (call.cache(0), call.cache(1), sinks?.vector())
        try call.requireEveryToken(q.count)
        if appends { try append(call, keys, values) }
        for sequence in call.step.sequences {
            let cost = sequence.count * heads * sequence.length * (headDim + valueDim)
            // One query row of one head at a time.
            call.pool.forEach(sequence.count * heads, cost: cost) { range in
                withScratch(max(headDim, valueDim)) { row in
                    for item in range where !call.isCancelled {
                        let (i, head) = (item / heads, item % heads)
                        attend(
                            query: q[sequence.first + i] + head * headDim, position: sequence.past + i, kvHead: head / (heads / kvHeads),
                            sink: sinks.map { Double($0[head]) }, sequence, keys, values, row, y[sequence.first + i] + head * valueDim)
                    }
                }
            }
        }
    }

    private func append(_ call: OperatorCall, _ keys: PagedCache, _ values: PagedCache) throws {
        let (k, v) = (try call.rows(1), try call.rows(2))
        for sequence in call.step.sequences {
            for i in 0..<sequence.count {
                let (token, position) = (sequence.first + i, sequence.past + i)
                for head in 0..<kvHeads {
                    keys.store(k[token] + head * headDim, sequence, position: position, head: head)
                    values.store(v[token] + head * valueDim, sequence, position: position, head: head)
                }
            }
        }
    }

    private func attend(
        query: UnsafePointer<Float>, position: Int, kvHead: Int, sink: Double?, _ sequence: StepLayout.Sequence, _ keys: PagedCache,
        _ values: PagedCache, _ row: UnsafeMutablePointer<Float>, _ out: UnsafeMutablePointer<Float>
    ) {
        let first = max(window > 0 ? position - window + 1 : 0, chunk > 0 ? position - position % chunk : 0, 0)
        let later = sequence.length - 1 - position
        let last = position + (future < 0 ? later : min(future, later))
        var weights = [Double](repeating: 0, count: last + 1 - first)
        for j in first...last {
            keys.load(sequence, position: j, head: kvHead, count: headDim, into: row)
            let score = scale * dot(query, row, headDim)
            weights[j - first] = cap > 0 ? cap * hyperbolicTangent(score / cap) : score
        }
        softmax(&weights, extra: sink)
        var sum = [Double](repeating: 0, count: valueDim)
        for j in first...last {
            values.load(sequence, position: j, head: kvHead, count: valueDim, into: row)
            let weight = weights[j - first]
            for d in 0..<valueDim { sum[d] += weight * Double(row[d]) }
        }
        for d in 0..<valueDim { out[d] = Float(sum[d]) }
    }
}
