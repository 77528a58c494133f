/// Each of `groups` equal slices of a row divided by its root mean square and multiplied by the weight.
struct RMSNorm: Operator {
    private let weight: WeightMatrix?
    private let eps: Double
    private let groups: Int
    private let width: Int

    init(_ node: NodeView) throws {
        eps = try node.float("eps")
        groups = try node.int("groups")
        let columns = try node.width(0)
        try node.require(groups > 0 && columns % groups == 0, "\(groups) groups in a row of \(columns)")
        width = columns / groups
        weight = try node.optionalVector(1, count: width)
        try node.requireSameShape()
    }

    func run(_ call: OperatorCall) throws {
        let (x, y, weight) = (try call.rows(0), try call.output(), weight?.vector())
        for n in 0..<x.count {
            for group in 0..<groups {
                let (source, target) = (x[n] + group * width, y[n] + group * width)
                let factor = 1 / (dot(source, source, width) / Double(width) + eps).squareRoot()
                for i in 0..<width {
                    target[i] = Float(Double(source[i]) * factor * (weight.map { Double($0[i]) } ?? 1))
                }
            }
        }
    }
}
