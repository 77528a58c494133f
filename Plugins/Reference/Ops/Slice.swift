/// Columns from, from + 1, ... of every row.
struct Slice: Operator {
    static let op = "slice"
    private let from: Int
    private let width: Int

    init(_ node: NodeView) throws {
        from = try node.int("from")
        width = try node.int("width")
        try node.requireSameRows([0])
        try node.require(
            try from >= 0 && width > 0 && from <= node.width(0) - width && node.outputWidth() == width,
            "columns \(from) to \(from + width) of \(try node.width(0))")
    }

    func run(_ call: OperatorCall) throws {
        let (x, y) = (try call.rows(0), try call.output())
        for n in 0..<x.count { y[n].update(from: x[n] + from, count: width) }
    }
}
