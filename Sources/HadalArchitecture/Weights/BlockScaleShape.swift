/// Extents of the scales beside a float8 weight.
package struct BlockScaleShape: Sendable, Equatable {
    /// Of a stack of matrices, the rows of all of them.
    package let rows: Int
    package let columns: Int
    /// Element [i, j] of a matrix has scale [i / rowBlock, j / columnBlock].
    package let rowBlock: Int
    package let columnBlock: Int

    package init(rows: Int, columns: Int, rowBlock: Int, columnBlock: Int) {
        (self.rows, self.columns, self.rowBlock, self.columnBlock) = (rows, columns, rowBlock, columnBlock)
    }

    /// Square blocks.
    package init(rows: Int, columns: Int, block: Int) { self.init(rows: rows, columns: columns, rowBlock: block, columnBlock: block) }
}
