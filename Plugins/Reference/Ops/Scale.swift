/// factor * x.
struct Scale: Operator {
    private let factor: Double

    init(_ node: NodeView) throws {
        factor = try node.float("factor")
        try node.requireSameShape()
    }

    func run(_ call: OperatorCall) throws {
        try call.map { Float(factor * Double($0)) }
    }
}
