import HadalCore
import HadalFormats

extension WeightRecipe {
    /// Reads the weight: in place where the stored bytes serve as they are (whole tensors, consecutive rows), else into new memory.
    ///
    /// - Throws: `unsupported` when a step needs floats and the stored type cannot be decoded.
    func materialise(from source: any ModelSource, owner: SourceOwner) throws -> WeightData {
        let shape = try shape()
        switch self {
        case .tensor(let tensor):
            let bytes = try source.tensorBytes(tensor)
            let wanted = Self.product(shape.dims).flatMap { shape.dtype.byteCount(elements: $0) }
            guard bytes.count == wanted else {
                throw HadalError(
                    .malformed,
                    "the tensor has \(bytes.count) bytes; its type and shape require \(wanted.map(String.init) ?? "more than there can be")",
                    at: tensor.place)
            }
            return WeightData(dtype: shape.dtype, dims: shape.dims, bytes: bytes, owner: owner, isMapped: true)
        case .slice(let r, let axis, let from, let to):
            let data = try r.materialise(from: source, owner: owner)
            if axis == 0 || Self.product(Array(data.dims[..<axis])) == 1, data.dtype == shape.dtype {
                let rows = data.dims[axis]
                let width = data.bytes.count / max(rows, 1)
                let part = UnsafeRawBufferPointer(rebasing: data.bytes[from * width..<to * width])
                return WeightData(dtype: data.dtype, dims: shape.dims, bytes: part, owner: data.owner, isMapped: data.isMapped)
            }
            return try Self.gather(data.decoded(to: shape.dtype), axis: axis, indices: Array(from..<to), shape)
        case .every(let r, let axis, let from, let step):
            let data = try r.materialise(from: source, owner: owner).decoded(to: shape.dtype)
            return Self.gather(data, axis: axis, indices: Array(stride(from: from, to: data.dims[axis], by: step)), shape)
        case .transpose(let r, let axes):
            return Self.transpose(try r.materialise(from: source, owner: owner).decoded(to: shape.dtype), axes, shape)
        case .reshape(let r, _):
            let data = try r.materialise(from: source, owner: owner).decoded(to: shape.dtype)
            return WeightData(dtype: data.dtype, dims: shape.dims, bytes: data.bytes, owner: data.owner, isMapped: data.isMapped)
        case .concat(let parts, let axis):
            return try Self.join(parts.map { try $0.materialise(from: source, owner: owner).decoded(to: shape.dtype) }, axis: axis, shape)
        case .stack(let parts):
            return try Self.stack(parts, shape, source, owner)
        case .rotary(let r, let heads, let dim, let offset, let toHalf):
            let data = try r.materialise(from: source, owner: owner).decoded(to: shape.dtype)
            let rows = Self.rotaryOrder(rows: shape.dims[0], heads: heads, dim: dim, offset: offset, toHalf: toHalf)
            return Self.gather(data, axis: 0, indices: rows, shape)
        case .float(let r): return try r.materialise(from: source, owner: owner).decoded(to: .f32)
        case .affine(let r, let multiply, let add):
            var floats = try r.materialise(from: source, owner: owner).floats()
            let (a, b) = (Float(multiply), Float(add))
            for i in floats.indices { floats[i] = floats[i] * a + b }
            return WeightData(floats: floats, dims: shape.dims)
        case .exponential(let r):
            var floats = try r.materialise(from: source, owner: owner).floats()
            for i in floats.indices { floats[i] = ExponentialRows.exponential(floats[i]) }
            return WeightData(floats: floats, dims: shape.dims)
        case .blockScaled(let r, _, _, _):
            return WeightData(try r.materialise(from: source, owner: owner), scales: try scaleFactors(from: source, owner: owner))
        case .mxfp4(let blocks, let scales):
            return MXFP4Assembly.data(
                blocks: try blocks.materialise(from: source, owner: owner), scales: try scales.materialise(from: source, owner: owner),
                dims: shape.dims)
        }
    }

    /// For each row of reordered heads, the row that it comes from.
    static func rotaryOrder(rows count: Int, heads: Int, dim: Int, offset: Int, toHalf: Bool) -> [Int] {
        let width = count / heads
        var rows = Array(0..<count)
        for head in 0..<heads {
            let base = head * width + offset
            for k in 0..<dim / 2 {
                if toHalf {
                    (rows[base + k], rows[base + k + dim / 2]) = (base + 2 * k, base + 2 * k + 1)
                } else {
                    (rows[base + 2 * k], rows[base + 2 * k + 1]) = (base + k, base + k + dim / 2)
                }
            }
        }
        return rows
    }

    /// Picks indices of one axis. The units moved are whole: elements, or rows of blocks.
    private static func gather(_ data: WeightData, axis: Int, indices: [Int], _ shape: Shape) -> WeightData {
        let outer = product(Array(data.dims[..<axis])) ?? 0
        let along = data.dims[axis]
        guard outer > 0, along > 0 else { return WeightData(floats: [], dims: shape.dims) }
        let unit = data.bytes.count / outer / along
        let out = OwnedBytes(count: outer * indices.count * unit)
        guard unit > 0, let from = data.bytes.baseAddress, let to = out.mutable.baseAddress else {
            return WeightData(dtype: data.dtype, dims: shape.dims, bytes: out.bytes, owner: out, isMapped: false)
        }
        var at = 0
        for block in 0..<outer {
            for index in indices {
                (to + at).copyMemory(from: from + (block * along + index) * unit, byteCount: unit)
                at += unit
            }
        }
        return WeightData(dtype: data.dtype, dims: shape.dims, bytes: out.bytes, owner: out, isMapped: false)
    }

    private static func transpose(_ data: WeightData, _ axes: [Int], _ shape: Shape) -> WeightData {
        // A last axis that stays last moves as a whole.
        let whole = axes.last == axes.count - 1
        let kept = whole ? axes.count - 1 : axes.count
        let units = product(Array(data.dims[..<kept])) ?? 0
        let unit = units > 0 ? data.bytes.count / units : 0
        let out = OwnedBytes(count: data.bytes.count)
        guard unit > 0, let from = data.bytes.baseAddress, let to = out.mutable.baseAddress else {
            return WeightData(dtype: data.dtype, dims: shape.dims, bytes: out.bytes, owner: out, isMapped: false)
        }
        var strides = [Int](repeating: 1, count: kept)
        for i in stride(from: kept - 2, through: 0, by: -1) { strides[i] = strides[i + 1] * data.dims[i + 1] }
        let steps = axes[..<kept].map { strides[$0] }
        let extents = Array(shape.dims[..<kept])
        var counter = [Int](repeating: 0, count: kept)
        var position = 0
        for i in 0..<units {
            (to + i * unit).copyMemory(from: from + position * unit, byteCount: unit)
            var axis = kept - 1
            while axis >= 0 {
                counter[axis] += 1
                position += steps[axis]
                if counter[axis] < extents[axis] { break }
                position -= counter[axis] * steps[axis]
                counter[axis] = 0
                axis -= 1
            }
        }
        return WeightData(dtype: data.dtype, dims: shape.dims, bytes: out.bytes, owner: out, isMapped: false)
    }

    private static func join(_ parts: [WeightData], axis: Int, _ shape: Shape) -> WeightData {
        let outer = product(Array(shape.dims[..<axis])) ?? 0
        let out = OwnedBytes(count: parts.reduce(0) { $0 + $1.bytes.count })
        var at = 0
        for block in 0..<outer {
            for part in parts {
                let unit = part.bytes.count / outer
                UnsafeMutableRawBufferPointer(rebasing: out.mutable[at..<at + unit])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: part.bytes[block * unit..<(block + 1) * unit]))
                at += unit
            }
        }
        return WeightData(dtype: shape.dtype, dims: shape.dims, bytes: out.bytes, owner: out, isMapped: false)
    }

    /// One part at a time, so that only one is held beside the result.
    private static func stack(_ parts: [WeightRecipe], _ shape: Shape, _ source: any ModelSource, _ owner: SourceOwner) throws -> WeightData
    {
        guard let total = product(shape.dims).flatMap({ shape.dtype.byteCount(elements: $0) }) else {
            throw HadalError(.limitExceeded, "a stacked weight of shape \(shape.dims) is too large")
        }
        let out = OwnedBytes(count: total)
        let scaleShape = try WeightRecipe.stack(parts).scaleShape()
        var factors: [Float] = []
        var at = 0
        for part in parts {
            let data = try part.materialise(from: source, owner: owner).decoded(to: shape.dtype)
            UnsafeMutableRawBufferPointer(rebasing: out.mutable[at..<at + data.bytes.count]).copyMemory(from: data.bytes)
            at += data.bytes.count
            if scaleShape != nil, let scales = data.scales { factors += scales.values }
        }
        let whole = WeightData(dtype: shape.dtype, dims: shape.dims, bytes: out.bytes, owner: out, isMapped: false)
        return WeightData(whole, scales: scaleShape.map { WeightScales(factors, $0) })
    }
}

extension WeightData {
    /// The same numbers in another type: itself, or decoded to float32.
    func decoded(to dtype: DType) throws -> WeightData {
        dtype == self.dtype ? self : WeightData(floats: try floats(), dims: dims)
    }

    /// Every element as float32, block scales multiplied in.
    package func floats() throws -> [Float] {
        let count = WeightRecipe.product(dims) ?? 0
        return try [Float](unsafeUninitializedCapacity: count) { buffer, filled in
            if let base = buffer.baseAddress, count > 0 { try BlockCodec.decode(dtype, from: bytes, into: base, count: count) }
            if let scales, let columns = dims.last, dims.count > 1 { scales.multiply(buffer, rows: dims[dims.count - 2], columns: columns) }
            filled = count
        }
    }
}
