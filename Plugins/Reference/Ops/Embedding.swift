import HadalCore

/// Rows of a table, one for each token id, decoded to float.
struct Embedding: Operator {
    static let op = "embedding"
    private let table: WeightMatrix

    init(_ node: NodeView) throws {
        table = try node.matrix(1)
        try node.requireSameRows([0])
        try node.require(try node.outputWidth() == table.columns, "the table's rows are \(table.columns) wide, the output is not")
    }

    func run(_ call: OperatorCall) throws {
        let (tokens, y) = (try call.integers(0), try call.output())
        for n in 0..<y.count {
            let id = Int(tokens.base[n])
            guard (0..<table.rows).contains(id) else {
                throw HadalError(.invalidArgument, "token id \(id) is not in a vocabulary of \(table.rows)")
            }
            table.decode(row: id, into: y[n])
        }
    }
}
