/// An elementwise function of x.
struct Activation: Operator {
    static let op = "activation"
    private let function: ElementwiseFunction

    init(_ node: NodeView) throws {
        function = try node.choice("kind", ElementwiseFunction.self)
        try node.requireSameShape()
    }

    func run(_ call: OperatorCall) throws {
        try call.map { Float(function(Double($0))) }
    }
}
