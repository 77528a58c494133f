import HadalCore
import HadalFormats

/// Float8 tensors and the scales beside them: one for a tensor, one for each row, or one for each block.
extension BuildContext {
    /// Names of the scales of a tensor, as they are published. All of them multiply, whatever they are called.
    private static func scaleNames(_ tensor: String) -> [String] {
        var names = ["\(tensor)_scale_inv", "\(tensor)_scale"]
        let stem = tensor.hasSuffix(".weight") ? String(tensor.dropLast(".weight".count)) : tensor
        for end in [".weight_scale_inv", ".weight_scale", ".scale_inv", ".scale"] where !names.contains(stem + end) {
            names.append(stem + end)
        }
        return names
    }

    /// What the factors of activations and caches end in. Hadal computes with activations as they are.
    static let activationScales = [
        ".input_scale", ".activation_scale", ".input_scale_ub", ".output_scale", ".k_scale", ".v_scale", ".q_scale", ".prob_output_scale",
        ".kv_scale", "_input_scale", "_activation_scale",
    ]

    /// A float8 tensor with its scales; any other as it is.
    func scaled(_ tensor: TensorInfo) throws -> WeightRecipe {
        guard tensor.dtype == .f8_e4m3 else { return .tensor(tensor) }
        let names = Self.scaleNames(tensor.name)
        var found: TensorInfo?
        for name in names where found == nil { found = try source.tensorInfo(name) }
        guard let scales = found else {
            guard quantization == nil else {
                throw HadalError(
                    .notFound, "tensor '\(names[0])' is missing: the scales of float8 tensor '\(tensor.name)'", at: tensor.place,
                    hint: "also looked for " + names.dropFirst().map { "'\($0)'" }.joined(separator: ", "))
            }
            return .tensor(tensor)
        }
        usedTensors.insert(ExactString(scales.name))
        return try Self.scaled(tensor, scales, stated: quantization?.block)
    }

    private static func scaled(_ tensor: TensorInfo, _ scales: TensorInfo, stated: (rows: Int, columns: Int)?) throws -> WeightRecipe {
        func fail() -> HadalError {
            let size = stated.map { "; blocks are stated to be \($0.rows) x \($0.columns)" } ?? ""
            return HadalError(
                .mismatch,
                "tensor '\(tensor.name)' of shape \(tensor.shape) does not fit scales '\(scales.name)' of shape \(scales.shape)\(size)",
                at: scales.place)
        }
        guard (1...3).contains(tensor.shape.count), tensor.shape.allSatisfy({ $0 > 0 }), scales.shape.allSatisfy({ $0 > 0 }) else {
            throw fail()
        }
        // A vector is a matrix of one row.
        let dims = tensor.shape.count == 1 ? [1] + tensor.shape : tensor.shape
        let matrices = Array(dims.dropLast(2)), rows = dims[dims.count - 2], columns = dims[dims.count - 1]
        // The forms without a column axis: one for all, one for each matrix, one for each row.
        let shape: [Int]
        switch scales.shape {
        case let given where given.allSatisfy({ $0 == 1 }) && matrices.allSatisfy({ $0 == 1 }): shape = matrices + [1, 1]
        case let given where given == matrices + [rows]: shape = matrices + [rows, 1]
        case let given where !matrices.isEmpty && given == matrices: shape = matrices + [1, 1]
        case let given where given.count == dims.count && Array(given.dropLast(2)) == matrices: shape = given
        default: throw fail()
        }
        let perRow = shape.last == 1 && [1, rows].contains(shape[shape.count - 2])
        func block(_ extent: Int, _ count: Int, _ stated: Int?) -> Int? {
            // One block may be larger than what it holds: whole 128s suit every backend.
            if count == 1 { return max(stated ?? 128, (extent - 1) / 128 * 128 + 128) }
            if count == extent { return 1 }
            let sizes = stated.map { [$0] } ?? [128, 64, 32, 256, 16, 512, 1024] + (extent % count == 0 ? [extent / count] : [])
            return sizes.first { (extent - 1) / $0 + 1 == count }
        }
        guard let rowBlock = block(rows, shape[shape.count - 2], perRow ? nil : stated?.rows),
            let columnBlock = block(columns, shape[shape.count - 1], perRow ? nil : stated?.columns)
        else { throw fail() }
        var recipe = WeightRecipe.blockScaled(
            tensor.shape == dims ? .tensor(tensor) : .reshape(.tensor(tensor), dims: dims),
            scales: scales.shape == shape ? .tensor(scales) : .reshape(.tensor(scales), dims: shape), rows: rowBlock, columns: columnBlock)
        // Backends read 16 numbers at a time under one scale.
        if columnBlock % 16 != 0 || tensor.shape.count == 1 { recipe = .float(recipe) }
        return tensor.shape == dims ? recipe : .reshape(recipe, dims: tensor.shape)
    }
}
