/// Extents of the scales beside a float8 weight.
public struct BlockScaleShape: Sendable, Equatable {
    /// Of a stack of matrices, the rows of all of them.
    public let rows: Int
    public let columns: Int
    /// Element [i, j] of a matrix has scale [i / rowBlock, j / columnBlock].
    public let rowBlock: Int
    public let columnBlock: Int

    public init(rows: Int, columns: Int, rowBlock: Int, columnBlock: Int) {
        (self.rows, self.columns, self.rowBlock, self.columnBlock) = (rows, columns, rowBlock, columnBlock)
    }

    /// Square blocks.
    public init(rows: Int, columns: Int, block: Int) { self.init(rows: rows, columns: columns, rowBlock: block, columnBlock: block) }
}
