/// Logarithm of the factor by which a recurrent state fades: `-rate * softplus(x + bias)`, or `bound * sigmoid(rate * (x + bias))`.
struct Decay: Operator {
    /// What `a` holds.
    enum Form: String { case log, negative }

    static let op = "decay"
    private let rates: [Double]
    private let bias: WeightMatrix?
    private let bound: Double
    private let width: Int

    init(_ node: NodeView) throws {
        width = try node.width(0)
        let (form, entries) = (try node.choice("form", Form.self), try node.matrix(1))
        try node.require(entries.rows == 1 && width % max(entries.columns, 1) == 0, "\(entries.columns) rates for \(width) columns")
        rates = entries.vector().map { form == .negative ? -Double($0) : exponential(Double($0)) }
        bias = try node.optionalVector(2, count: width)
        bound = try node.float("lower_bound")
        try node.requireSameShape()
    }

    func run(_ call: OperatorCall) throws {
        let (x, y, bias) = (try call.rows(0), try call.output(), bias?.vector())
        for n in 0..<x.count {
            for i in 0..<width {
                let rate = rates[i / (width / rates.count)], sum = Double(x[n][i]) + (bias.map { Double($0[i]) } ?? 0)
                y[n][i] = Float(bound < 0 ? bound * ElementwiseFunction.sigmoid(rate * sum) : -rate * ElementwiseFunction.softplus(sum))
            }
        }
    }
}
