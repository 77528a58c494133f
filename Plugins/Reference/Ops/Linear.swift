import HadalCore

/// y = x W^T + b.
struct Linear: Operator {
    static let op = "linear"
    private let weight: WeightMatrix
    private let bias: WeightMatrix?

    init(_ node: NodeView) throws {
        weight = try node.matrix(1)
        bias = try node.optionalVector(2, count: weight.rows)
        try node.requireSameRows([0])
        try node.require(
            try node.width(0) == weight.columns && node.outputWidth() == weight.rows,
            "a weight of \(weight.rows) x \(weight.columns) takes \(try node.width(0)) to \(try node.outputWidth())")
    }

    func run(_ call: OperatorCall) throws {
        let (x, y, bias) = (try call.rows(0), try call.output(), bias?.vector())
        guard x.count > 0 else { return }
        // Each weight row is decoded once, however many tokens there are.
        call.pool.forEach(weight.rows, cost: weight.rows * weight.columns * x.count) { range in
            withScratch(weight.columns) { row in
                for m in range where !call.isCancelled {
                    weight.decode(row: m, into: row)
                    let offset = bias.map { Double($0[m]) } ?? 0
                    for n in 0..<x.count { y[n][m] = Float(dot(x[n], row, x.width) + offset) }
                }
            }
        }
    }
}
