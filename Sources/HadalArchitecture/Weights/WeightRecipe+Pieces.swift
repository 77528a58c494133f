import HadalCore
package import HadalFormats

/// Weights that need not be read as a whole: each index of their first axis lies in one piece of a file.
extension WeightRecipe {
    /// A range of a stored tensor's bytes.
    package struct StoredRange: Sendable, Equatable {
        package var tensor: TensorInfo
        /// Within the tensor's data.
        package var offset: Int
        package var count: Int
    }

    /// Where each index of the first axis is stored, or nil when some of it is not in one piece, or not as the weight wants it.
    ///
    /// Block scales are not part of it: see `scaleFactors`.
    package func pieces() -> [StoredRange]? {
        guard let shape = try? shape(), let first = shape.dims.first, first > 0,
            let total = Self.product(shape.dims).flatMap({ shape.dtype.byteCount(elements: $0) }), total % first == 0
        else { return nil }
        var ranges: [StoredRange] = []
        ranges.reserveCapacity(first)
        for index in 0..<first {
            guard let range = at(index)?.range(as: shape.dtype), range.count == total / first else { return nil }
            ranges.append(range)
        }
        return ranges
    }

    /// The part of the weight that one index of the first axis selects, or nil where a step mixes indices.
    private func at(_ index: Int) -> WeightRecipe? {
        switch self {
        case .tensor: return .slice(self, axis: 0, from: index, to: index + 1)
        case .slice(let r, 0, let from, _): return r.at(from + index)
        case .slice(let r, let axis, let from, let to): return r.at(index).map { .slice($0, axis: axis, from: from, to: to) }
        case .stack(let parts): return parts.indices.contains(index) ? parts[index] : nil
        case .reshape(let r, let dims):
            guard let old = try? r.shape().dims, old.first == dims.first else { return nil }
            return r.at(index).map { .reshape($0, dims: [1] + dims.dropFirst()) }
        case .blockScaled(let r, _, _, _): return r.at(index)
        default: return nil
        }
    }

    /// The bytes, where they lie in one piece of one tensor and in the type that is wanted.
    private func range(as dtype: DType) -> StoredRange? {
        guard let shape = try? shape(), shape.dtype == dtype else { return nil }
        switch self {
        case .tensor(let tensor): return StoredRange(tensor: tensor, offset: 0, count: tensor.byteCount)
        case .slice(let r, let axis, let from, let to):
            guard let whole = r.range(as: dtype), let dims = try? r.shape().dims, dims.indices.contains(axis), dims[axis] > 0,
                Self.product(Array(dims[..<axis])) == 1, whole.count % dims[axis] == 0
            else { return nil }
            let width = whole.count / dims[axis]
            return StoredRange(tensor: whole.tensor, offset: whole.offset + from * width, count: (to - from) * width)
        case .reshape(let r, _): return r.range(as: dtype)
        // The scales stay beside the data.
        case .blockScaled(let r, _, _, _): return r.range(as: dtype)
        default: return nil
        }
    }

    /// The block scales that come with the data, without reading the data; nil for none.
    func scaleFactors(from source: any ModelSource, owner: SourceOwner) throws -> WeightScales? {
        guard let shape = try scaleShape() else { return nil }
        switch self {
        case .blockScaled(_, let scales, _, _):
            let stored = try scales.materialise(from: source, owner: owner)
            return WeightScales(stored.dtype == .u8 ? stored.bytes.map(MXFP4Assembly.factor) : try stored.floats(), shape)
        case .stack(let parts):
            var factors: [Float] = []
            for part in parts { if let scales = try part.scaleFactors(from: source, owner: owner) { factors += scales.values } }
            return WeightScales(factors, shape)
        default: return nil
        }
    }
}

extension WeightBinding {
    /// Where each index of the first axis is stored; nil when the weight has to be read as a whole.
    package func pieces() -> [WeightRecipe.StoredRange]? {
        guard case .stored(let recipe) = content else { return nil }
        return recipe.pieces()
    }

    /// The block scales alone; nil for none.
    package func scales(from source: any ModelSource) throws -> WeightScales? {
        guard scaleShape != nil, case .stored(let recipe) = content else { return nil }
        return try recipe.scaleFactors(from: source, owner: SourceOwner(source))
    }
}
