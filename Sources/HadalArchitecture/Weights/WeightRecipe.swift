import HadalCore
package import HadalFormats

/// How a weight is made from stored tensors. Nothing is read until it is materialised.
package indirect enum WeightRecipe: Sendable, Equatable {
    case tensor(TensorInfo)
    /// Indices `from ..< to` of an axis.
    case slice(WeightRecipe, axis: Int, from: Int, to: Int)
    /// Indices from, from + step, ... of an axis.
    case every(WeightRecipe, axis: Int, from: Int, step: Int)
    /// Axis i of the result is axis `axes[i]` of the source.
    case transpose(WeightRecipe, axes: [Int])
    case reshape(WeightRecipe, dims: [Int])
    case concat([WeightRecipe], axis: Int)
    /// Parts of one shape along a new first axis.
    case stack([WeightRecipe])
    /// The first axis holds `heads` heads; in each, `dim` rows from `offset` are reordered between pairs (k, k + dim/2) and (2k, 2k + 1).
    case rotary(WeightRecipe, heads: Int, dim: Int, offset: Int, toHalf: Bool)
    /// multiply * x + add, as float32.
    case affine(WeightRecipe, multiply: Double, add: Double)
    /// e to the power of every number, as float32.
    case exponential(WeightRecipe)
    /// As float32.
    case float(WeightRecipe)
    /// A float8 matrix, or a stack of them, with a scale for each block of `rows` x `columns`. The scales stay beside the data until a step
    /// needs floats. Scales of bytes are exponents biased by 127.
    case blockScaled(WeightRecipe, scales: WeightRecipe, rows: Int, columns: Int)
    /// MXFP4 blocks put together from packed bytes and exponents that are stored apart; see `MXFP4Assembly`.
    case mxfp4(blocks: WeightRecipe, scales: WeightRecipe)

    /// The stored tensor, when it is used as it is.
    package var plainTensor: TensorInfo? { if case .tensor(let tensor) = self { tensor } else { nil } }

    /// Every stored tensor that goes into the weight.
    package var tensors: [TensorInfo] {
        switch self {
        case .tensor(let tensor): [tensor]
        case .slice(let r, _, _, _), .every(let r, _, _, _), .transpose(let r, _), .reshape(let r, _), .rotary(let r, _, _, _, _),
            .affine(let r, _, _), .exponential(let r), .float(let r):
            r.tensors
        case .blockScaled(let r, let scales, _, _): r.tensors + scales.tensors
        case .mxfp4(let blocks, let scales): blocks.tensors + scales.tensors
        case .concat(let parts, _), .stack(let parts): parts.flatMap(\.tensors)
        }
    }

    /// Whether its numbers are those of the stored tensors, moved at most.
    package var keepsNumbers: Bool {
        switch self {
        case .tensor: true
        case .slice(let r, _, _, _), .every(let r, _, _, _), .transpose(let r, _), .reshape(let r, _), .rotary(let r, _, _, _, _),
            .float(let r):
            r.keepsNumbers
        case .concat(let parts, _), .stack(let parts): parts.allSatisfy(\.keepsNumbers)
        case .affine, .exponential, .blockScaled, .mxfp4: false
        }
    }

    /// What is done to the stored tensors, for `inspect`: "rows 0..<64 of qkv_proj".
    package var summary: String {
        switch self {
        case .tensor(let tensor): tensor.name
        case .slice(let r, let axis, let from, let to): "\(axis == 0 ? "rows" : "axis \(axis)") \(from)..<\(to) of \(r.summary)"
        case .every(let r, let axis, let from, let step): "every \(step) of axis \(axis) from \(from) of \(r.summary)"
        case .transpose(let r, let axes): "transpose \(axes) of \(r.summary)"
        case .reshape(let r, let dims): "\(r.summary) as \(dims)"
        case .concat(let parts, let axis): "concat(" + parts.map(\.summary).joined(separator: ", ") + ") on axis \(axis)"
        case .stack(let parts): "stack of \(parts.count): \(parts.first?.summary ?? "") ..."
        case .rotary(let r, _, _, _, let toHalf): "\(r.summary) with rotary pairs \(toHalf ? "half-split" : "adjacent")"
        case .affine(let r, let multiply, let add): "\(multiply) * \(r.summary) + \(add)"
        case .exponential(let r): "exp(\(r.summary))"
        case .float(let r): "\(r.summary) as F32"
        case .blockScaled(let r, _, _, _): "\(r.summary) times its block scales"
        case .mxfp4(let blocks, let scales): "MXFP4 of \(blocks.summary) and \(scales.summary)"
        }
    }
}
