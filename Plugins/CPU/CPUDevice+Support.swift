import CHadalKernels
import HadalBackend
import HadalCore
import HadalGraph

extension CPUDevice {
    func unsupported(node index: Int, of segment: Segment) -> String? {
        let graph = segment.graph
        guard graph.nodes.indices.contains(index) else { return "there is no node \(index)" }
        let node = graph.nodes[index]
        for case .value(let value) in node.inputs {
            if let reason = unsupported(value: value, of: graph) { return reason }
        }
        for value in node.outputs {
            if let reason = unsupported(value: value, of: graph) { return reason }
        }
        switch node.op {
        case "linear", "embedding":
            guard node.inputs.count > 1, case .weight(let weight) = node.inputs[1], graph.weights.indices.contains(weight) else {
                return "\(node.op) without a weight"
            }
            let declared = graph.weights[weight]
            guard Self.computesOn(declared.dtype) else { return "weights of type \(declared.dtype.name)" }
            guard segment.weights.indices.contains(weight), segment.weights[weight].scales == nil else { return "block scales" }
            guard declared.dims.count == 2, declared.dims.allSatisfy({ $0 > 0 && $0 <= Int(Int32.max) }) else {
                return "a weight of shape \(declared.dims)"
            }
            guard declared.dims[1] % declared.dtype.blockElements == 0 else {
                return "rows of \(declared.dims[1]) elements in blocks of \(declared.dtype.blockElements)"
            }
            return unsupported(parameters: node.inputs.dropFirst(2), of: graph)
        case "attention":
            guard [.f32, .f16, .bf16].contains(segment.stateDType) else { return "caches of type \(segment.stateDType.name)" }
            return unsupported(parameters: node.inputs.dropFirst(3), of: graph)
        case "rope": return unsupported(parameters: node.inputs.dropFirst(2), of: graph)
        default:
            guard Lowering.simpleKernel(node.op) != nil else { return "no cpu kernel for op '\(node.op)'" }
            do { _ = try Lowering.attributes(of: node) } catch { return "\(error)" }
            return unsupported(parameters: node.inputs[...], of: graph)
        }
    }

    private func unsupported(parameters: ArraySlice<Graph.Operand>, of graph: Graph) -> String? {
        for case .weight(let weight) in parameters {
            guard graph.weights.indices.contains(weight) else { return "a weight that is not there" }
            let dtype = graph.weights[weight].dtype
            guard dtype == .f32 || dtype == .f16 || dtype == .bf16 else { return "parameters of type \(dtype.name)" }
        }
        return nil
    }

    private func unsupported(value: Int, of graph: Graph) -> String? {
        guard graph.values.indices.contains(value) else { return "a value that is not there" }
        let declared = graph.values[value]
        guard declared.dtype == .f32 || declared.dtype == .i32 else { return "values of type \(declared.dtype.name)" }
        guard !declared.dims.isEmpty, declared.dims.dropFirst().allSatisfy({ if case .fixed = $0 { true } else { false } }) else {
            return "only the first dimension of a value may vary ('\(declared.name)')"
        }
        return nil
    }
}
