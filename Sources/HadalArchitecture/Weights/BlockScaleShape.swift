/// Extents of the scales beside a float8 weight.
public struct BlockScaleShape: Sendable, Equatable {
    /// Of a stack of matrices, the rows of all of them.
    public let rows: Int
    public let columns: Int
    /// Element [i, j] of a matrix has scale [i / block, j / block].
    public let block: Int

    public init(rows: Int, columns: Int, block: Int) {
        (self.rows, self.columns, self.block) = (rows, columns, block)
    }
}
