/// Each row less its mean, divided by its standard deviation, times the weight, plus the bias.
struct LayerNorm: Operator {
    private let weight: WeightMatrix?
    private let bias: WeightMatrix?
    private let eps: Double

    init(_ node: NodeView) throws {
        eps = try node.float("eps")
        let columns = try node.width(0)
        weight = try node.optionalVector(1, count: columns)
        bias = try node.optionalVector(2, count: columns)
        try node.requireSameShape()
    }

    func run(_ call: OperatorCall) throws {
        let (x, y, weight, bias) = (try call.rows(0), try call.output(), weight?.vector(), bias?.vector())
        for n in 0..<x.count {
            var mean = 0.0
            for i in 0..<x.width { mean += Double(x[n][i]) }
            mean /= Double(x.width)
            var variance = 0.0
            for i in 0..<x.width { variance += (Double(x[n][i]) - mean) * (Double(x[n][i]) - mean) }
            variance /= Double(x.width)
            let factor = 1 / (variance + eps).squareRoot()
            for i in 0..<x.width {
                let scaled = (Double(x[n][i]) - mean) * factor * (weight.map { Double($0[i]) } ?? 1)
                y[n][i] = Float(scaled + (bias.map { Double($0[i]) } ?? 0))
            }
        }
    }
}
