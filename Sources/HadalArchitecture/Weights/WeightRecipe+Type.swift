package import HadalCore
import HadalFormats

extension WeightRecipe {
    /// Element type and extents of the result.
    package struct Shape: Sendable, Equatable {
        package var dtype: DType
        package var dims: [Int]
    }

    /// What a step works on: floats, where block scales would have to be cut or moved along.
    private func unscaled() throws -> Shape {
        var shape = try shape()
        if try scaleShape() != nil { shape.dtype = .f32 }
        return shape
    }

    /// Extents of the scales that the result carries beside its data, one row after the other; nil for none.
    ///
    /// Whole float8 matrices, and stacks of them, keep their scales; every other step multiplies them in.
    func scaleShape() throws -> BlockScaleShape? {
        switch self {
        case .blockScaled(_, let scales, let rows, let columns):
            let dims = try scales.shape().dims
            guard let last = dims.last, let all = Self.product(dims), last > 0 else { return nil }
            return BlockScaleShape(rows: all / last, columns: last, rowBlock: rows, columnBlock: columns)
        case .stack(let parts):
            guard let first = try parts.first?.scaleShape() else { return nil }
            guard try parts.allSatisfy({ try $0.scaleShape() == first }) else { return nil }
            let (rows, overflow) = first.rows.multipliedReportingOverflow(by: parts.count)
            guard !overflow else { throw HadalError(.limitExceeded, "too many block scales") }
            return BlockScaleShape(rows: rows, columns: first.columns, rowBlock: first.rowBlock, columnBlock: first.columnBlock)
        default: return nil
        }
    }

    /// Works out the result without reading anything.
    ///
    /// - Throws: `mismatch` when a step does not fit what it is applied to.
    package func shape() throws -> Shape {
        switch self {
        case .tensor(let tensor): return Shape(dtype: tensor.dtype, dims: tensor.shape)
        case .slice(let r, let axis, let from, let to):
            var shape = try r.unscaled()
            guard shape.dims.indices.contains(axis) else { throw Self.fail("has no axis \(axis)", r, shape) }
            guard from >= 0, from < to, to <= shape.dims[axis] else {
                throw Self.fail("has no \(axis == 0 ? "rows" : "columns") \(from) to \(to)", r, shape)
            }
            if !Self.keepsRows(shape, touching: axis) { shape.dtype = .f32 }
            shape.dims[axis] = to - from
            return shape
        case .every(let r, let axis, let from, let step):
            var shape = try r.unscaled()
            guard shape.dims.indices.contains(axis), step > 0, from >= 0, from < shape.dims[axis] else {
                throw Self.fail("cannot be taken every \(step) from \(from) on axis \(axis)", r, shape)
            }
            if !Self.keepsRows(shape, touching: axis) { shape.dtype = .f32 }
            shape.dims[axis] = (shape.dims[axis] - from + step - 1) / step
            return shape
        case .transpose(let r, let axes):
            let shape = try r.unscaled()
            guard axes.sorted() == Array(shape.dims.indices) else { throw Self.fail("cannot be transposed by \(axes)", r, shape) }
            let moved = axes.last != axes.count - 1
            return Shape(dtype: moved && shape.dtype.isQuantised ? .f32 : shape.dtype, dims: axes.map { shape.dims[$0] })
        case .reshape(let r, let dims):
            let shape = try r.unscaled()
            guard let wanted = Self.product(dims), wanted == Self.product(shape.dims) else {
                throw Self.fail("cannot be reshaped to \(dims)", r, shape)
            }
            let whole = (dims.last ?? 1) % shape.dtype.blockElements == 0
            return Shape(dtype: whole ? shape.dtype : .f32, dims: dims)
        case .concat(let parts, let axis):
            let shapes = try parts.map { try $0.unscaled() }
            guard var result = shapes.first, result.dims.indices.contains(axis) else {
                throw HadalError(.mismatch, "nothing to join on axis \(axis)")
            }
            for (part, shape) in zip(parts, shapes).dropFirst() {
                var a = result.dims, b = shape.dims
                guard a.count == b.count else { throw Self.fail("cannot be joined to \(result.dims)", part, shape) }
                (a[axis], b[axis]) = (0, 0)
                guard a == b else { throw Self.fail("cannot be joined to \(result.dims) on axis \(axis)", part, shape) }
                let (sum, overflow) = result.dims[axis].addingReportingOverflow(shape.dims[axis])
                guard !overflow else { throw Self.fail("is too large to be joined", part, shape) }
                result.dims[axis] = sum
                if shape.dtype != result.dtype { result.dtype = .f32 }
            }
            if parts.count > 1, result.dtype.isQuantised, axis == result.dims.count - 1 { result.dtype = .f32 }
            return result
        case .stack(let parts):
            let shapes = try parts.map { try $0.shape() }
            guard let first = shapes.first else { throw HadalError(.mismatch, "nothing to stack") }
            for (part, shape) in zip(parts, shapes) where shape.dims != first.dims {
                throw Self.fail("cannot be stacked on \(first.dims)", part, shape)
            }
            let scaled = try scaleShape() != nil
            let mixed = try shapes.contains { $0.dtype != first.dtype } || (!scaled && parts.contains { try $0.scaleShape() != nil })
            return Shape(dtype: mixed ? .f32 : first.dtype, dims: [parts.count] + first.dims)
        case .rotary(let r, let heads, let dim, let offset, _):
            let shape = try r.unscaled()
            let rows = shape.dims.first ?? 0
            guard heads > 0, rows % heads == 0, dim >= 2, dim % 2 == 0, offset >= 0, dim <= rows / heads, offset <= rows / heads - dim
            else {
                throw Self.fail("does not hold \(heads) heads with \(dim) rotary rows from \(offset)", r, shape)
            }
            return shape
        case .affine(let r, _, _), .exponential(let r), .float(let r): return Shape(dtype: .f32, dims: try r.shape().dims)
        case .blockScaled(let r, let scales, let rows, let columns):
            let shape = try r.shape(), scale = try scales.shape()
            let fits =
                rows > 0 && columns > 0 && shape.dims.count > 1
                && Array(scale.dims.suffix(2)) == zip(shape.dims.suffix(2), [rows, columns]).map { ($0 - 1) / $1 + 1 }
                && scale.dims.dropLast(2) == shape.dims.dropLast(2)
            guard fits else { throw Self.fail("does not fit block scales of shape \(scale.dims)", r, shape) }
            return shape
        case .mxfp4(let blocks, let scales):
            let shape = try blocks.shape()
            return Shape(dtype: .mxfp4, dims: try MXFP4Assembly.dims(of: (blocks, shape), scales: (scales, try scales.shape())))
        }
    }

    /// Whether a step along `axis` moves whole rows of the stored data.
    private static func keepsRows(_ shape: Shape, touching axis: Int) -> Bool {
        !shape.dtype.isQuantised || axis < shape.dims.count - 1
    }

    static func product(_ dims: [Int]) -> Int? {
        var product = 1
        for dim in dims {
            let (next, overflow) = product.multipliedReportingOverflow(by: dim)
            guard dim >= 0, !overflow else { return nil }
            product = next
        }
        return product
    }

    static func fail(_ message: String, _ part: WeightRecipe, _ shape: Shape) -> HadalError {
        HadalError(.mismatch, "\(part.summary) of shape \(shape.dims) \(message)", at: part.tensors.first?.place)
    }
}
