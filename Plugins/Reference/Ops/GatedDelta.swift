/// For each value head a matrix S: `S <- exp(g) S; S <- S + k (beta (v - S^T k))^T; y = S^T q`.
struct GatedDelta: Operator {
    static let op = "gated_delta"
    private let keyHeads: Int
    private let valueHeads: Int
    private let keyDim: Int
    private let valueDim: Int
    /// Gates of a head: 1, or one for each row of S.
    private let gates: Int
    private let scale: Double
    private let eps: Double
    private let isTiled: Bool

    init(_ node: NodeView) throws {
        (keyHeads, valueHeads) = (try node.int("key_heads"), try node.int("value_heads"))
        (scale, eps, isTiled) = (try node.float("scale"), try node.float("norm_eps"), try node.bool("tiled"))
        let (keys, values, gates) = (try node.width(0), try node.width(2), try node.width(3))
        try node.require(
            keyHeads > 0 && valueHeads > 0 && keys % keyHeads == 0 && values % valueHeads == 0 && valueHeads % keyHeads == 0,
            "\(keys) columns of keys in \(keyHeads) heads, \(values) of values in \(valueHeads)")
        (keyDim, valueDim, self.gates) = (keys / keyHeads, values / valueHeads, gates / valueHeads)
        let shapes = [try node.width(1) == keys, try node.width(4) == valueHeads, try node.outputWidth() == values]
        try node.require(
            shapes.allSatisfy { $0 } && (gates == valueHeads || gates == valueHeads * keyDim), "operands do not go with each other")
        try node.requireSameRows([0, 1, 2, 3, 4])
        try node.state(0, heads: valueHeads, rows: keyDim, width: valueDim)
    }

    func run(_ call: OperatorCall) throws {
        let (q, k, v) = (try call.rows(0), try call.rows(1), try call.rows(2))
        let (decay, beta, y, memory) = (try call.rows(3), try call.rows(4), try call.output(), call.cache(0))
        try call.requireEveryToken(q.count)
        for sequence in call.step.sequences where sequence.count > 0 {
            call.pool.forEach(valueHeads, cost: 4 * sequence.count * valueHeads * keyDim * valueDim) { heads in
                for head in heads where !call.isCancelled {
                    guard let after = memory.after(sequence, head: head) else { continue }
                    let keyHead = isTiled ? head % keyHeads : head / (valueHeads / keyHeads)
                    var state = [Double](repeating: 0, count: keyDim * valueDim)
                    if let before = memory.before(sequence, head: head) { for i in state.indices { state[i] = Double(before[i]) } }
                    for token in sequence.first..<sequence.first + sequence.count {
                        let query = normalised(q[token] + keyHead * keyDim, scale), key = normalised(k[token] + keyHead * keyDim, 1)
                        let gate = decay[token] + head * gates
                        for i in 0..<keyDim {
                            let factor = exponential(Double(gate[gates == 1 ? 0 : i]))
                            for j in 0..<valueDim { state[i * valueDim + j] *= factor }
                        }
                        for j in 0..<valueDim {
                            var held = 0.0, sum = 0.0
                            for i in 0..<keyDim { held += state[i * valueDim + j] * key[i] }
                            let change = Double(beta[token][head]) * (Double(v[token][head * valueDim + j]) - held)
                            for i in 0..<keyDim {
                                state[i * valueDim + j] += key[i] * change
                                sum += state[i * valueDim + j] * query[i]
                            }
                            y[token][head * valueDim + j] = Float(sum)
                        }
                        // A step of many tokens gives the bits of single ones.
                        for i in state.indices { state[i] = Double(Float(state[i])) }
                    }
                    for i in state.indices { after[i] = Float(state[i]) }
                }
            }
        }
    }

    private func normalised(_ row: UnsafePointer<Float>, _ scale: Double) -> [Double] {
        let factor = eps > 0 ? scale / (dot(row, row, keyDim) + eps).squareRoot() : scale
        return (0..<keyDim).map { Double(row[$0]) * factor }
    }
}
