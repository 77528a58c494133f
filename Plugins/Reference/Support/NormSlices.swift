/// The equal slices of a row that a norm treats one by one.
struct NormSlices {
    let count: Int
    /// Columns of a slice.
    let width: Int

    init(_ node: NodeView) throws {
        count = try node.int("groups")
        let columns = try node.width(0)
        try node.require(count > 0 && columns % count == 0, "\(count) groups in a row of \(columns)")
        width = columns / count
    }

    /// A weight or bias: as long as a slice, shared by all, or as long as the row. Column i of a row takes element i modulo its length.
    func parameters(_ node: NodeView, _ input: Int) throws -> WeightMatrix? {
        let isShared = try node.optionalMatrix(input)?.columns == width
        return try node.optionalVector(input, count: isShared ? width : width * count)
    }
}
