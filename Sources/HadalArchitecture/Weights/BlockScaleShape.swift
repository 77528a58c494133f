/// Extents of the scales beside a float8 weight.
public struct BlockScaleShape: Sendable, Equatable {
    /// Of a stack of matrices, the rows of all of them.
    public let rows: Int
    public let columns: Int
    /// Element [i, j] of a matrix has scale [i / block, j / block].
    public let block: Int
}
