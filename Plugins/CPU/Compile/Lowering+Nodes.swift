import CHadalKernels
import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph

extension Lowering {
    /// Kernel calls of one node.
    mutating func lower(_ index: Int) throws {
        let node = graph.nodes[index]
        switch node.op {
        case Op.linear: if try !lowerGate(index, node) { try lowerLinear(index, node) }
        case Op.rmsNorm: if try !lowerQuantisedNorm(index, node) { try lowerPlainly(index, node) }
        case Op.rope: try lowerRope(index, node)
        case Op.latentAttention: try lowerLatentAttention(index, node)
        case Op.indexer: try lowerIndexer(index, node)
        case Op.router: try lowerRouter(index, node)
        case Op.experts: try lowerExperts(index, node)
        default: try lowerPlainly(index, node)
        }
    }

    /// An op that is one call of the kernel with its name, or two, where the contract has inputs appended to its caches first and the node gives them.
    /// Operands are as the contract says: matrices in their layout, the rest rows of float32 or int32.
    mutating func lowerPlainly(_ index: Int, _ node: Graph.Node) throws {
        let contract = try contract(of: node)
        let matrices = contract.matrixInputs, appended = contract.appendedInputs
        let given = appended.filter { $0 < node.inputs.count && node.inputs[$0] != .none }
        guard given.isEmpty || given == appended else {
            throw HadalError(
                .invalidArgument, "\(node.op) takes \(appended.map { contract.inputs[$0].name }.joined(separator: " and ")) together")
        }
        if !given.isEmpty { try lowerAppend(index, node) }
        let inputs = try node.inputs.indices.filter { !appended.contains($0) }.map {
            try matrices.contains($0) ? matrix(node, $0) : plainOperand(node, $0)
        }
        plan.append(
            PlannedInstruction(
                kernel: try kernel(node.op), inputs: inputs, outputs: try node.outputs.map { try result($0) }, states: node.states,
                writesStates: !node.states.isEmpty && appended.isEmpty, attributes: try store.device.attributes(of: node), node: index))
    }

    /// The call that writes a step's rows to the caches of an op.
    mutating func lowerAppend(_ index: Int, _ node: Graph.Node) throws {
        let contract = try contract(of: node)
        guard node.states.count == contract.states.count, node.states.allSatisfy(graph.states.indices.contains) else {
            throw HadalError(
                .invalidArgument,
                "\(node.op) requires \(contract.states.count) caches (\(contract.states.map(\.name).joined(separator: ", ")))")
        }
        plan.append(
            PlannedInstruction(
                kernel: try kernel(OpContract.appendKernel(of: node.op), of: node.op),
                inputs: try contract.appendedInputs.map { try plainOperand(node, $0) },
                outputs: [], states: node.states, writesStates: true, node: index))
    }

    /// A kernel of an op, which has its name unless another is given.
    func kernel(_ name: String, of op: String? = nil) throws -> UnsafePointer<hadal_kernel> {
        try store.device.kernels.kernel(name, of: op ?? name)
    }

    // MARK: Linear

    private mutating func lowerLinear(_ index: Int, _ node: Graph.Node) throws {
        let weight = try matrix(node, "weight")
        let x = try weight.packing != 0 ? quantise(node, precision(of: node), for: index) : operand(node, "x")
        let fused = residual(after: index, node)
        let y = try result(fused.map { graph.nodes[$0.node].outputs[0] } ?? node.outputs[0])
        if let fused { done.insert(fused.node) }
        plan.append(
            PlannedInstruction(
                kernel: try kernel(Op.linear),
                inputs: [
                    x, weight, try operand(node, "bias"), try fused.map { try tensor(of: $0.value) } ?? .absent, try scales(node, "weight"),
                ],
                outputs: [y], attributes: try scaleBlock(node, "weight") + [hadal_kernel_attribute(store.roundsActivations ? 1 : 0)],
                node: fused?.node ?? index, prefetchesWeights: true))
    }

    /// The host reads what a head gives.
    func precision(of node: Graph.Node) -> Precision {
        if store.activations == nil, let y = node.outputs.first, graph.values.indices.contains(y), isOutput[y] { return .logits }
        return precision
    }

    /// What is asked for, or what pays.
    var precision: Precision {
        switch store.activations {
        case .eight: .eight
        case .fifteen: .fifteen
        case nil: .outliers
        }
    }

    /// The 8-bit form of a node's `x`, made once.
    mutating func quantise(_ node: Graph.Node, _ precision: Precision, for index: Int) throws -> PlannedTensor {
        guard let value = try node.value("x", contract(of: node)) else {
            throw HadalError(.unsupported, "\(node.op) of something constant")
        }
        let key = QuantisedValue(value: value, precision: precision)
        if let known = quantised[key] { return known }
        let x = try tensor(of: value), q = try quantisedRows(like: x, precision)
        plan.append(
            PlannedInstruction(
                kernel: try kernel("linear_quantise", of: Op.linear), inputs: [x], outputs: [q], attributes: [precision.attribute],
                node: index))
        quantised[key] = q
        return q
    }

    /// Room for the 8-bit form of x.
    mutating func quantisedRows(like x: PlannedTensor, _ precision: Precision) throws -> PlannedTensor {
        var q = x
        q.stride = precision.stride(columns: x.columns)
        q.dtype = DType.i8.rawValue
        q.home = try newSlot(rows: x.rows, stride: q.stride)
        return q
    }

    // MARK: Rope

    private mutating func lowerRope(_ index: Int, _ node: Graph.Node) throws {
        let contract = try contract(of: node)
        guard let positions = try node.value("positions", contract), let weight = try node.weight("inv_freq", contract) else {
            throw HadalError(.invalidArgument, "rope requires x, positions and inv_freq")
        }
        let table = try ropeTable(index, node, positions: positions, weight: weight)
        plan.append(
            PlannedInstruction(
                kernel: try kernel(Op.rope), inputs: [try operand(node, "x"), table], outputs: [try result(node.outputs[0])],
                attributes: try store.device.attributes(of: node), node: index))
    }

    /// Cosines and sines of every token's angles, made once for all layers that want the same.
    private mutating func ropeTable(_ index: Int, _ node: Graph.Node, positions: Int, weight: Int) throws -> PlannedTensor {
        let scale = node.float("scale"), limit = node.int("switch_length")
        for known in tables where known.positions == positions && known.scale == scale && known.limit == limit {
            if try sameParameters(known.weight, weight) { return known.table }
        }
        let frequencies = try operand(node, "inv_freq"), tokens = try tensor(of: positions)
        let columns = 2 * frequencies.columns
        let table = PlannedTensor(
            home: try newSlot(rows: tokens.rows, stride: columns * 4), rows: tokens.rows, columns: columns, stride: columns * 4,
            dtype: DType.f32.rawValue)
        plan.append(
            PlannedInstruction(
                kernel: try kernel("rope_table", of: Op.rope), inputs: [tokens, frequencies], outputs: [table],
                attributes: [hadal_kernel_attribute(scale), hadal_kernel_attribute(limit)], node: index))
        tables.append((positions, weight, scale, limit, table))
        return table
    }

    private func sameParameters(_ a: Int, _ b: Int) throws -> Bool {
        if a == b { return true }
        let count = graph.weights[a].elements
        guard graph.weights[a].dims == graph.weights[b].dims else { return false }
        let first = try store.vector(a).assumingMemoryBound(to: Float.self)
        let second = try store.vector(b).assumingMemoryBound(to: Float.self)
        return (0..<count).allSatisfy { first[$0] == second[$0] }
    }

    // MARK: Attention

    private mutating func lowerLatentAttention(_ index: Int, _ node: Graph.Node) throws {
        try lowerAppend(index, node)
        plan.append(
            PlannedInstruction(
                kernel: try kernel(Op.latentAttention),
                inputs: [try operand(node, "q"), try latentMatrix(node), try operand(node, "selection"), try scales(node, "kv_b")],
                outputs: [try result(node.outputs[0])], states: node.states,
                attributes: try store.device.attributes(of: node) + scaleBlock(node, "kv_b") + [
                    hadal_kernel_attribute(store.latentForm.rawValue)
                ],
                node: index))
    }

    /// kv_b: rows of floats as stored, or float16 where it is quantised.
    private func latentMatrix(_ node: Graph.Node) throws -> PlannedTensor {
        let weight = try weight(node, "kv_b")
        guard graph.weights[weight].dtype.isQuantised else { return try matrix(node, "kv_b") }
        let dims = graph.weights[weight].dims
        return PlannedTensor(
            home: .constant(try store.halves(weight)), rows: .fixed(dims[0]), columns: dims[1], stride: dims[1] * 2,
            dtype: DType.f16.rawValue)
    }
}
