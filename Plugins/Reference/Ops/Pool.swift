import HadalCore

/// For each row picked, one row of its sequence's tokens in this step, from the first up to and including the picked one.
struct Pool: Operator {
    private enum Kind: String, CaseIterable { case mean, first, last, max }

    static let op = "pool"
    private let kind: Kind

    init(_ node: NodeView) throws {
        kind = try node.choice("kind", Kind.self)
        try node.require(try node.width(0) == node.outputWidth(), "input and output have different widths")
        try node.requireSameRows([1])
    }

    func run(_ call: OperatorCall) throws {
        let (x, rows, y) = (try call.rows(0), try call.integers(1), try call.output())
        try call.requireEveryToken(x.count)
        for m in 0..<y.count {
            let row = Int(rows.base[m])
            guard (0..<x.count).contains(row) else {
                throw HadalError(.invalidArgument, "row \(row) of a matrix of \(x.count) rows")
            }
            let first = try call.step.sequence(ofToken: row).first
            for column in 0..<y.width {
                let values = (first...row).map { x[$0][column] }
                y[m][column] =
                    switch kind {
                    case .mean: Float(values.reduce(0) { $0 + Double($1) } / Double(values.count))
                    case .first: values[0]
                    case .last: x[row][column]
                    case .max: values.reduce(values[0]) { $1 > $0 ? $1 : $0 }
                    }
            }
        }
    }
}
