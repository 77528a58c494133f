/// Each of `groups` equal slices of a row less its mean, divided by its standard deviation, times the weight, plus the bias.
///
/// Weight and bias are shared by all slices, or each slice has its own.
struct LayerNorm: Operator {
    static let op = "layer_norm"
    private let weight: WeightMatrix?
    private let bias: WeightMatrix?
    private let eps: Double
    private let slices: NormSlices

    init(_ node: NodeView) throws {
        eps = try node.float("eps")
        slices = try NormSlices(node)
        weight = try slices.parameters(node, 1)
        bias = try slices.parameters(node, 2)
        try node.requireSameShape()
    }

    func run(_ call: OperatorCall) throws {
        let (x, y, weight, bias) = (try call.rows(0), try call.output(), weight?.vector(), bias?.vector())
        for n in 0..<x.count {
            for slice in 0..<slices.count {
                let columns = slice * slices.width..<(slice + 1) * slices.width
                var mean = 0.0
                for i in columns { mean += Double(x[n][i]) }
                mean /= Double(slices.width)
                var variance = 0.0
                for i in columns { variance += (Double(x[n][i]) - mean) * (Double(x[n][i]) - mean) }
                variance /= Double(slices.width)
                let factor = 1 / (variance + eps).squareRoot()
                for i in columns {
                    let scaled = (Double(x[n][i]) - mean) * factor * (weight.map { Double($0[i % $0.count]) } ?? 1)
                    y[n][i] = Float(scaled + (bias.map { Double($0[i % $0.count]) } ?? 0))
                }
            }
        }
    }
}
