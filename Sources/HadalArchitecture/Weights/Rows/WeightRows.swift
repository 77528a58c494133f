package import HadalCore
package import HadalFormats

/// A weight as float32, read some rows at a time.
///
/// A row is what lies along the last axis; a vector is one row. However large the weight is, reading takes memory for the
/// rows asked for; only a step that moves the last axis holds one block of what it turns. Files are read, not mapped, so
/// that their pages do not count as this process's memory.
/// Thread safety: any thread may read, several at once.
package final class WeightRows: Sendable {
    package let rows: Int
    package let columns: Int
    private let node: any RowNode

    /// - Throws: `mismatch` when a step does not fit, `unsupported` for stored types that are not numbers to decode.
    package init(_ recipe: WeightRecipe, of model: ModelFiles) throws {
        node = try recipe.rowNode(model)
        rows = node.rowCount
        columns = node.columns
    }

    /// - Parameter out: room for `range.count * columns` floats. `range` must be within `0..<rows`.
    package func read(_ range: Range<Int>, into out: UnsafeMutablePointer<Float>) throws {
        guard range.lowerBound >= 0, range.upperBound <= rows else {
            throw HadalError(.invalidArgument, "rows \(range) of a weight of \(rows) rows")
        }
        if !range.isEmpty, columns > 0 { try node.read(range, into: out) }
    }

    /// The type that rows are stored in, where the weight is a stored tensor as it is.
    package var storedType: DType? { (node as? StoredRows)?.tensor.dtype }

    /// Gives the stored bytes of rows; they are valid only within `body`.
    /// - Throws: `invalidArgument` for a weight that is not a stored tensor as it is.
    package func withStoredBytes(of range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        guard let stored = node as? StoredRows, range.lowerBound >= 0, range.upperBound <= rows else {
            throw HadalError(.invalidArgument, "the weight is not stored as rows \(range)")
        }
        try stored.withBytes(of: range, body)
    }

    /// Every number. For small weights.
    package func floats() throws -> [Float] {
        try [Float](unsafeUninitializedCapacity: rows * columns) { buffer, filled in
            if let base = buffer.baseAddress { try read(0..<rows, into: base) }
            filled = rows * columns
        }
    }
}

/// One step of a recipe, read by rows.
protocol RowNode: Sendable {
    /// Extents, row-major.
    var dims: [Int] { get }
    func read(_ rows: Range<Int>, into out: UnsafeMutablePointer<Float>) throws
}

extension RowNode {
    var columns: Int { dims.last ?? 1 }
    /// Callers have checked that the product does not overflow.
    var rowCount: Int { dims.dropLast().reduce(1, &*) }
}

extension WeightRecipe {
    fileprivate func rowNode(_ model: ModelFiles) throws -> any RowNode {
        let dims = try shape().dims
        guard Self.product(dims) != nil else { throw HadalError(.limitExceeded, "a weight of shape \(dims) is too large") }
        switch self {
        case .tensor(let tensor): return try StoredRows(tensor, model)
        case .blockScaled(let r, _, _, _):
            guard let scales = try scaleFactors(from: model, owner: SourceOwner(model)) else { return try r.rowNode(model) }
            return ScaledRows(inner: try r.rowNode(model), scales: scales)
        case .mxfp4(let blocks, let scales):
            return PackedRows(blocks: try blocks.rowNode(model), scales: try scales.rowNode(model), dims: dims)
        case .slice(let r, let axis, let from, let to):
            return Self.picked(try r.rowNode(model), axis: axis, indices: Array(from..<to), dims)
        case .every(let r, let axis, let from, let step):
            let inner = try r.rowNode(model)
            return Self.picked(inner, axis: axis, indices: Array(stride(from: from, to: inner.dims[axis], by: step)), dims)
        case .rotary(let r, let heads, let dim, let offset, let toHalf):
            let rows = Self.rotaryOrder(rows: dims[0], heads: heads, dim: dim, offset: offset, toHalf: toHalf)
            return Self.picked(try r.rowNode(model), axis: 0, indices: rows, dims)
        case .transpose(let r, let axes):
            let inner = try r.rowNode(model)
            return TransposedRows(inner: inner, axes: axes, dims: dims)
        case .reshape(let r, _):
            let inner = try r.rowNode(model)
            return inner.columns == (dims.last ?? 1) ? RelabelledRows(inner: inner, dims: dims) : ReshapedRows(inner: inner, dims: dims)
        case .concat(let parts, let axis):
            let nodes = try parts.map { try $0.rowNode(model) }
            return axis == dims.count - 1 ? JoinedColumns(parts: nodes, dims: dims) : JoinedRows(parts: nodes, axis: axis, dims: dims)
        case .stack(let parts):
            return JoinedRows(
                parts: try parts.map { RelabelledRows(inner: try $0.rowNode(model), dims: [1] + (try $0.shape().dims)) }, axis: 0,
                dims: dims)
        case .affine(let r, let multiply, let add):
            return AffineRows(inner: try r.rowNode(model), multiply: Float(multiply), add: Float(add))
        case .exponential(let r): return ExponentialRows(inner: try r.rowNode(model))
        case .float(let r): return try r.rowNode(model)
        }
    }

    private static func picked(_ inner: any RowNode, axis: Int, indices: [Int], _ dims: [Int]) -> any RowNode {
        axis == dims.count - 1
            ? PickedColumns(inner: inner, indices: indices, dims: dims) : PickedRows(inner: inner, axis: axis, indices: indices, dims: dims)
    }
}
