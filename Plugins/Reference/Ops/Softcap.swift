/// cap * tanh(x / cap).
struct Softcap: Operator {
    private let cap: Double

    init(_ node: NodeView) throws {
        cap = try node.float("cap")
        try node.require(cap > 0, "cap is \(cap)")
        try node.requireSameShape()
    }

    func run(_ call: OperatorCall) throws {
        try call.map { Float(cap * hyperbolicTangent(Double($0) / cap)) }
    }
}
