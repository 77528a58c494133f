import HadalCore
package import HadalFormats

extension WeightRecipe {
    /// What one weight says of one stored tensor: all of it, or some of the indices of an axis.
    package struct Share: Sendable {
        enum Extent: Sendable, Equatable {
            case whole
            case range(axis: Int, from: Int, to: Int)
            case every(axis: Int, from: Int, step: Int)
        }

        package let tensor: TensorInfo
        let extent: Extent
        /// Makes those numbers.
        let value: WeightRecipe
    }

    /// The recipe the other way round: what its tensors must hold for it to give `value`.
    ///
    /// - Throws: `unsupported` for a step that loses numbers or that nothing undoes.
    package func shares(giving value: WeightRecipe) throws -> [Share] {
        switch self {
        case .tensor(let tensor): return [Share(tensor: tensor, extent: .whole, value: value)]
        case .slice(.tensor(let tensor), let axis, let from, let to):
            return [Share(tensor: tensor, extent: .range(axis: axis, from: from, to: to), value: value)]
        case .every(.tensor(let tensor), let axis, let from, let step):
            return [Share(tensor: tensor, extent: .every(axis: axis, from: from, step: step), value: value)]
        case .transpose(let r, let axes):
            var inverse = axes
            for (i, axis) in axes.enumerated() where inverse.indices.contains(axis) { inverse[axis] = i }
            return try r.shares(giving: .transpose(value, axes: inverse))
        case .reshape(let r, _): return try r.shares(giving: .reshape(value, dims: r.shape().dims))
        case .rotary(let r, let heads, let dim, let offset, let toHalf):
            return try r.shares(giving: .rotary(value, heads: heads, dim: dim, offset: offset, toHalf: !toHalf))
        case .float(let r): return try r.shares(giving: value)
        case .affine(let r, let multiply, let add):
            guard multiply != 0 else { throw notInvertible() }
            return try r.shares(giving: .affine(value, multiply: 1 / multiply, add: -add / multiply))
        case .concat(let parts, let axis):
            var (shares, at): ([Share], Int) = ([], 0)
            for part in parts {
                let extent = try part.shape().dims[axis]
                shares += try part.shares(giving: .slice(value, axis: axis, from: at, to: at + extent))
                at += extent
            }
            return shares
        case .stack(let parts):
            return try parts.enumerated().flatMap { i, part in
                try part.shares(giving: .reshape(.slice(value, axis: 0, from: i, to: i + 1), dims: part.shape().dims))
            }
        case .slice, .every, .exponential, .blockScaled, .mxfp4: throw notInvertible()
        }
    }

    private func notInvertible() -> HadalError {
        HadalError(.unsupported, "\(summary): a tensor cannot be made from the weight that is made of it so")
    }

    /// Makes a tensor from all that weights say of it.
    ///
    /// - Throws: `mismatch` when they do not cover it, or cover a part of it twice.
    package static func assemble(_ tensor: TensorInfo, from shares: [Share]) throws -> WeightRecipe {
        func fail() -> HadalError {
            HadalError(.mismatch, "the model's weights are not exactly the parts of tensor '\(tensor.name)'")
        }
        guard let first = shares.first else { throw fail() }
        switch first.extent {
        case .whole:
            guard shares.count == 1 else { throw fail() }
            return first.value
        case .range(let axis, _, _):
            var (parts, at): ([WeightRecipe], Int) = ([], 0)
            let sorted = shares.compactMap { share -> (from: Int, to: Int, value: WeightRecipe)? in
                guard case .range(axis, let from, let to) = share.extent else { return nil }
                return (from, to, share.value)
            }.sorted { $0.from < $1.from }
            for part in sorted {
                guard part.from == at else { throw fail() }
                parts.append(part.value)
                at = part.to
            }
            guard sorted.count == shares.count, tensor.shape.indices.contains(axis), at == tensor.shape[axis] else { throw fail() }
            return .concat(parts, axis: axis)
        case .every(let axis, _, let step):
            let sorted = shares.compactMap { share -> (from: Int, value: WeightRecipe)? in
                guard case .every(axis, let from, step) = share.extent else { return nil }
                return (from, share.value)
            }.sorted { $0.from < $1.from }
            guard sorted.count == shares.count, sorted.map(\.from) == Array(0..<step), tensor.shape.indices.contains(axis) else {
                throw fail()
            }
            // Parts side by side on an axis of their own behind the one that they alternate on.
            let widened = try sorted.map { part in
                var dims = try part.value.shape().dims
                guard dims.indices.contains(axis) else { throw fail() }
                dims.insert(1, at: axis + 1)
                return WeightRecipe.reshape(part.value, dims: dims)
            }
            return .reshape(.concat(widened, axis: axis + 1), dims: tensor.shape)
        }
    }
}
