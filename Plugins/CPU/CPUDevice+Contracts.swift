import CHadalKernels
import HadalBackend
import HadalCore
import HadalFormats
import HadalGraph

/// What contracts say of the nodes that kernels are called for.
extension CPUDevice {
    /// Attributes as kernels take them: sorted by name, lists left out, strings as their place among the contract's choices.
    ///
    /// - Throws: when they are not those of the contract that the kernel was written for.
    func attributes(of node: Graph.Node) throws -> [hadal_kernel_attribute] {
        let contract = try kernels.contract(of: node.op)
        if let strange = node.attributes.keys.sorted().first(where: { name in !contract.attributes.contains { $0.name == name } }) {
            throw HadalError(.unsupported, "\(node.op) has no attribute '\(strange)'")
        }
        return try contract.attributes.sorted { $0.name < $1.name }.compactMap { spec in
            switch (spec.kind, node.attributes[spec.name]) {
            case (.ints, _), (.floats, _): return nil
            case (.bool, .bool(let b)?): return hadal_kernel_attribute(b ? 1 : 0)
            case (.int, .int(let i)?): return hadal_kernel_attribute(i)
            case (.float, let value?):
                guard let number = value.float else { break }
                return hadal_kernel_attribute(number)
            case (.string, .string(let text)?):
                // Free text has no number; a kernel sees -1.
                if spec.choices.isEmpty { return hadal_kernel_attribute(-1) }
                guard let place = spec.choices.firstIndex(of: text) else {
                    throw HadalError(.unsupported, "\(node.op) with \(spec.name) '\(text)'")
                }
                return hadal_kernel_attribute(place)
            default: break
            }
            throw HadalError(.unsupported, "\(node.op) without attribute '\(spec.name)', or one of another type")
        }
    }

    /// Why the operands of an op of the user's own cannot be given to its kernel.
    func unsupported(operandsOf node: Graph.Node, in segment: Segment) -> String? {
        if let state = node.states.first(where: { !segment.graph.states.indices.contains($0) }) { return "there is no state \(state)" }
        for case .weight(let weight) in node.inputs {
            guard segment.graph.weights.indices.contains(weight), segment.weights.indices.contains(weight) else {
                return "a weight that is not there"
            }
            let declared = segment.graph.weights[weight]
            guard BlockCodec.dtypes.contains(declared.dtype) else { return "weights of type \(declared.dtype.name)" }
            guard (1...3).contains(declared.dims.count), declared.dims.allSatisfy({ $0 > 0 && $0 <= Int(Int32.max) }),
                (declared.dims.last ?? 1) % declared.dtype.blockElements == 0
            else { return "a weight of type \(declared.dtype.name) and shape \(declared.dims)" }
            if let scales = segment.weights[weight].scales {
                guard declared.dims.count == 2, scales.block.rows > 0, scales.block.columns > 0,
                    scales.rows == (declared.dims[0] - 1) / scales.block.rows + 1,
                    scales.columns == (declared.dims[1] - 1) / scales.block.columns + 1
                else { return "\(scales.rows) x \(scales.columns) scales for a weight of shape \(declared.dims)" }
            }
        }
        return nil
    }
}
