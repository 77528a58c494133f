import HadalCore

/// Steps that scales can follow, so that the data stay as they are stored.
extension WeightRecipe {
    /// Indices `from ..< to` of an axis. Scales are cut along where the cut falls between blocks, or lies within one.
    func sliced(axis: Int, from: Int, to: Int) -> WeightRecipe {
        let cut = WeightRecipe.slice(self, axis: axis, from: from, to: to)
        guard case .blockScaled(let data, let scales, let rows, let columns) = self, let dims = try? shape().dims,
            dims.indices.contains(axis),
            from >= 0, from < to, to <= dims[axis]
        else { return cut }
        let block = axis == dims.count - 1 ? columns : axis == dims.count - 2 ? rows : 1
        let (first, last) = (from / block, (to - 1) / block)
        guard first == last || (from % block == 0 && (to % block == 0 || to == dims[axis])) else { return cut }
        return .blockScaled(
            .slice(data, axis: axis, from: from, to: to), scales: .slice(scales, axis: axis, from: first, to: last + 1), rows: rows,
            columns: columns)
    }

    /// The same numbers in other extents. Scales follow where matrices stay whole.
    func reshaped(to dims: [Int]) -> WeightRecipe {
        guard case .blockScaled(let data, let scales, let rows, let columns) = self, let old = try? shape().dims,
            dims.suffix(2) == old.suffix(2), let extents = try? scales.shape().dims
        else { return .reshape(self, dims: dims) }
        return .blockScaled(
            .reshape(data, dims: dims), scales: .reshape(scales, dims: dims.dropLast(2) + extents.suffix(2)), rows: rows, columns: columns)
    }
}
