import HadalGraph

/// Joins rows end to end.
struct Concat: Operator {
    static let op = "concat"
    private let widths: [Int]

    init(_ node: NodeView) throws {
        try node.require(!node.node.inputs.isEmpty, "has no inputs")
        widths = try node.node.inputs.indices.map { try node.width($0) }
        try node.requireSameRows(Array(node.node.inputs.indices))
        try node.require(try node.outputWidth() == widths.reduce(0, +), "the output is not as wide as the parts together")
    }

    func run(_ call: OperatorCall) throws {
        let y = try call.output()
        var start = 0
        for (index, width) in widths.enumerated() {
            let part = try call.rows(index)
            for n in 0..<y.count { (y[n] + start).update(from: part[n], count: width) }
            start += width
        }
    }
}
