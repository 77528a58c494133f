import HadalCore

/// Picks rows of x.
struct GatherRows: Operator {
    static let op = "gather_rows"

    init(_ node: NodeView) throws {
        try node.require(try node.width(0) == node.outputWidth(), "input and output have different widths")
        try node.requireSameRows([1])
    }

    func run(_ call: OperatorCall) throws {
        let (x, rows, y) = (try call.rows(0), try call.integers(1), try call.output())
        for m in 0..<y.count {
            let row = Int(rows.base[m])
            guard (0..<x.count).contains(row) else {
                throw HadalError(.invalidArgument, "row \(row) of a matrix of \(x.count) rows")
            }
            y[m].update(from: x[row], count: y.width)
        }
    }
}
