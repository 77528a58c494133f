/// a + b.
struct Add: Operator {
    init(_ node: NodeView) throws { try node.requireSameShape(inputs: 2) }

    func run(_ call: OperatorCall) throws {
        try call.zip { Float(Double($0) + Double($1)) }
    }
}
