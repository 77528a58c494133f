/// Each of `groups` equal slices of a row divided by its root mean square and multiplied by the weight.
///
/// The weight is shared by all slices, or each slice has its own.
struct RMSNorm: Operator {
    static let op = "rms_norm"
    private let weight: WeightMatrix?
    private let eps: Double
    private let slices: NormSlices

    init(_ node: NodeView) throws {
        eps = try node.float("eps")
        slices = try NormSlices(node)
        weight = try slices.parameters(node, 1)
        try node.requireSameShape()
    }

    func run(_ call: OperatorCall) throws {
        let (x, y, weight) = (try call.rows(0), try call.output(), weight?.vector())
        for n in 0..<x.count {
            for slice in 0..<slices.count {
                let first = slice * slices.width
                let factor = 1 / (dot(x[n] + first, x[n] + first, slices.width) / Double(slices.width) + eps).squareRoot()
                for i in first..<first + slices.width {
                    y[n][i] = Float(Double(x[n][i]) * factor * (weight.map { Double($0[i % $0.count]) } ?? 1))
                }
            }
        }
    }
}
