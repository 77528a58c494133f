import CHadalKernels
import HadalBackend
import HadalCore
import HadalGraph

extension CPUDevice {
    func unsupported(node index: Int, of segment: Segment) -> String? {
        let graph = segment.graph
        guard graph.nodes.indices.contains(index) else { return "there is no node \(index)" }
        let node = graph.nodes[index]
        if let reason = kernels.unsupported(op: node.op) { return reason }
        for case .value(let value) in node.inputs {
            if let reason = unsupported(value: value, of: graph) { return reason }
        }
        for value in node.outputs {
            if let reason = unsupported(value: value, of: graph) { return reason }
        }
        do {
            let contract = try kernels.contract(of: node.op)
            _ = try attributes(of: node)
            if !contract.stateTypes.contains(segment.stateDType) {
                return "caches of type \(segment.stateDType.name)"
            }
            let matrices = contract.matrixInputs
            for index in matrices {
                if let reason = unsupported(matrix: index, of: node, rank: contract.inputs[index].dims.count, in: segment) { return reason }
            }
            guard StockKernels.byOp[node.op] != nil else { return unsupported(operandsOf: node, in: segment) }
            if let reason = try unsupported(own: node, contract, of: graph) { return reason }
            return unsupported(parameters: node.inputs.indices.filter { !matrices.contains($0) }.map { node.inputs[$0] }, of: graph)
        } catch { return "\(error)" }
    }

    /// What the kernels of single ops cannot do, beyond what all have in common.
    private func unsupported(own node: Graph.Node, _ contract: OpContract, of graph: Graph) throws -> String? {
        func dims(_ name: String) throws -> [Int] { try node.weight(name, contract).map { graph.weights[$0].dims } ?? [] }
        switch node.op {
        case Op.latentAttention:
            let (heads, nope, rope) = (node.int("heads"), node.int("nope_dim"), node.int("rope_dim"))
            let (value, rank) = (node.int("value_dim"), node.int("rank"))
            guard [heads, nope, rope, value, rank].allSatisfy({ (1...1 << 20).contains($0) }),
                try dims("kv_b") == [heads * (nope + value), rank]
            else {
                return "\(heads) heads of \(nope) + \(rope) and \(value), rank \(rank), with kv_b of shape \(try dims("kv_b"))"
            }
        case Op.indexer:
            let (heads, dim, top) = (node.int("heads"), node.int("dim"), node.int("top_k"))
            guard (1...1 << 20).contains(heads), (1...1 << 20).contains(dim), (1...1 << 24).contains(top) else {
                return "the top \(top) of scores by \(heads) heads of \(dim)"
            }
        case Op.router:
            guard let weight = try node.weight("weight", contract), [.f32, .f16, .bf16].contains(graph.weights[weight].dtype) else {
                return "router weights of a type that is not a float"
            }
            let experts = graph.weights[weight].dims[0]
            let groups = node.int("groups"), kept = node.int("top_groups"), top = node.int("top_k")
            guard groups > 0, experts % groups == 0, (1...groups).contains(kept), (1...experts).contains(top),
                groups == 1 || top <= kept * (experts / groups)
            else { return "top \(top) of \(kept) of \(groups) groups of \(experts) experts" }
        case Op.experts:
            let (gate, up, down) = (try dims("gate"), try dims("up"), try dims("down"))
            guard up == gate, down == [gate[0], gate[2], gate[1]] else { return "gate, up and down of shapes \([gate, up, down])" }
        default: break
        }
        return nil
    }

    /// Why input `index` cannot be multiplied with.
    func unsupported(matrix index: Int, of node: Graph.Node, rank: Int, in segment: Segment) -> String? {
        let graph = segment.graph
        guard node.inputs.count > index, case .weight(let weight) = node.inputs[index], graph.weights.indices.contains(weight),
            segment.weights.indices.contains(weight)
        else { return "\(node.op) without a weight" }
        let declared = graph.weights[weight], scales = segment.weights[weight].scales
        guard Self.computesOn(declared.dtype) || (declared.dtype == .f8_e4m3 && node.op != Op.embedding) else {
            return "weights of type \(declared.dtype.name)"
        }
        guard declared.dims.count == rank, declared.dims.allSatisfy({ $0 > 0 && $0 <= Int(Int32.max) }) else {
            return "a weight of shape \(declared.dims)"
        }
        let columns = declared.dims[rank - 1]
        guard columns % declared.dtype.blockElements == 0 else {
            return "rows of \(columns) elements in blocks of \(declared.dtype.blockElements)"
        }
        if let scales {
            guard declared.dtype == .f8_e4m3 else { return "block scales of a weight of type \(declared.dtype.name)" }
            guard scales.block.rows > 0, scales.block.columns > 0, scales.block.columns % 16 == 0 else {
                return "scales for blocks of \(scales.block.rows) x \(scales.block.columns)"
            }
            let matrices = declared.dims.dropLast(2).reduce(1, *), rows = declared.dims[rank - 2]
            guard scales.rows == matrices * ((rows - 1) / scales.block.rows + 1), scales.columns == (columns - 1) / scales.block.columns + 1
            else { return "\(scales.rows) x \(scales.columns) scales for a weight of shape \(declared.dims)" }
        }
        return nil
    }

    private func unsupported(parameters: [Graph.Operand], of graph: Graph) -> String? {
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
