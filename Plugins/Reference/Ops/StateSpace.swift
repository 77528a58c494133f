/// For each head a matrix S: `S <- exp(dt a) S + (dt u) b^T; y = S c + skip u`.
struct StateSpace: Operator {
    static let op = "state_space"
    private let heads: Int
    private let groups: Int
    /// Rows and columns of S.
    private let rows: Int
    private let columns: Int
    /// Minus the rate of each head, or of each column of each head.
    private let rates: [[Double]]
    private let bias: WeightMatrix?
    private let skip: WeightMatrix?
    private let least: Double
    private let most: Double

    init(_ node: NodeView) throws {
        let (width, keys, entries) = (try node.width(0), try node.width(1), try node.matrix(4))
        (heads, groups) = (try node.width(3), try node.int("groups"))
        try node.require(
            heads > 0 && groups > 0 && width % heads == 0 && keys % groups == 0 && heads % groups == 0,
            "\(width) columns in \(heads) heads, \(keys) in \(groups) groups")
        (rows, columns) = (width / heads, keys / groups)
        try node.require(
            entries.rows == heads && (entries.columns == 1 || entries.columns == columns),
            "rates of \(entries.rows) x \(entries.columns) for \(heads) heads of \(columns) columns")
        try node.require(try node.width(2) == keys && node.outputWidth() == width, "operands do not go with each other")
        try node.requireSameRows([0, 1, 2, 3])
        let form = try node.choice("form", Decay.Form.self)
        rates = (0..<heads).map { head in entries.vector(row: head).map { form == .negative ? Double($0) : -exponential(Double($0)) } }
        (bias, skip) = (try node.optionalVector(5, count: heads), try node.optionalVector(6, count: heads))
        (least, most) = (try node.float("dt_minimum"), try node.float("dt_maximum"))
        try node.state(0, heads: heads, rows: rows, width: columns)
    }

    func run(_ call: OperatorCall) throws {
        let (u, b, c, dt) = (try call.rows(0), try call.rows(1), try call.rows(2), try call.rows(3))
        let (y, memory, bias, skip) = (try call.output(), call.cache(0), bias?.vector(), skip?.vector())
        try call.requireEveryToken(u.count)
        for sequence in call.step.sequences where sequence.count > 0 {
            call.pool.forEach(heads, cost: 3 * sequence.count * heads * rows * columns) { range in
                for head in range where !call.isCancelled {
                    guard let after = memory.after(sequence, head: head) else { continue }
                    let key = head / (heads / groups) * columns
                    var state = [Double](repeating: 0, count: rows * columns)
                    if let before = memory.before(sequence, head: head) { for i in state.indices { state[i] = Double(before[i]) } }
                    for token in sequence.first..<sequence.first + sequence.count {
                        let raw = Double(dt[token][head]) + (bias.map { Double($0[head]) } ?? 0)
                        let bounded = max(ElementwiseFunction.softplus(raw), least), step = most > 0 ? min(bounded, most) : bounded
                        let fade = rates[head].map { exponential(step * $0) }
                        for row in 0..<rows {
                            let input = Double(u[token][head * rows + row])
                            var sum = skip.map { Double($0[head]) * input } ?? 0
                            for i in 0..<columns {
                                let at = row * columns + i
                                state[at] = fade[fade.count == 1 ? 0 : i] * state[at] + step * input * Double(b[token][key + i])
                                sum += state[at] * Double(c[token][key + i])
                            }
                            y[token][head * rows + row] = Float(sum)
                        }
                        // A step of many tokens gives the bits of single ones.
                        for i in state.indices { state[i] = Double(Float(state[i])) }
                    }
                    for i in state.indices { after[i] = Float(state[i]) }
                }
            }
        }
    }
}
