/// activation(gate) * up.
struct GLU: Operator {
    static let op = "glu"
    private let unit: GatedUnit

    init(_ node: NodeView) throws {
        unit = try GatedUnit(node)
        try node.requireSameShape(inputs: 2)
    }

    func run(_ call: OperatorCall) throws {
        try call.zip { Float(unit(gate: Double($0), up: Double($1))) }
    }
}
