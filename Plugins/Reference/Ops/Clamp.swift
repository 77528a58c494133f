/// x limited to [minimum, maximum]. A NaN stays a NaN.
struct Clamp: Operator {
    private let minimum: Float
    private let maximum: Float

    init(_ node: NodeView) throws {
        minimum = Float(try node.float("minimum"))
        maximum = Float(try node.float("maximum"))
        try node.require(minimum <= maximum, "minimum \(minimum) is above maximum \(maximum)")
        try node.requireSameShape()
    }

    func run(_ call: OperatorCall) throws {
        try call.map { $0 < minimum ? minimum : ($0 > maximum ? maximum : $0) }
    }
}
