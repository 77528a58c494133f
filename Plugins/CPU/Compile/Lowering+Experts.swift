import CHadalKernels
import HadalBackend
import HadalCore
import HadalGraph

/// Mixtures of experts.
extension Lowering {
    mutating func lowerRouter(_ index: Int, _ node: Graph.Node) throws {
        let x = try operand(node, "x"), weight = try matrix(node, "weight")
        guard case .fixed(let experts) = weight.rows else { throw HadalError(.unsupported, "a router of varying width") }
        let logits = PlannedTensor(
            home: try newSlot(rows: x.rows, stride: experts * 4), rows: x.rows, columns: experts, stride: experts * 4,
            dtype: DType.f32.rawValue)
        plan.append(
            PlannedInstruction(
                kernel: try kernel("router_logits", of: Op.router), inputs: [x, weight, try operand(node, "bias")], outputs: [logits],
                node: index))
        plan.append(
            PlannedInstruction(
                kernel: try kernel(Op.router),
                inputs: [logits, try operand(node, "selection_bias"), try optionalOperand(node, "expert_scale")],
                outputs: [try result(node.outputs[0]), try result(node.outputs[1])], attributes: try store.device.attributes(of: node),
                node: index))
    }

    mutating func lowerExperts(_ index: Int, _ node: Graph.Node) throws {
        let x = try operand(node, "x"), indices = try operand(node, "indices"), weights = try operand(node, "weights")
        let gate = try matrix(node, "gate"), up = try matrix(node, "up"), down = try matrix(node, "down")
        let experts = try expertCount(node), choices = indices.columns, inner = down.columns

        // Rows in the order of their experts: of x as it is, of x quantised, or both, as gate and up want.
        var plain = PlannedTensor.absent, packed = PlannedTensor.absent
        if gate.packing == 0 || up.packing == 0 { plain = x }
        if gate.packing != 0 || up.packing != 0 { packed = try quantise(node, precision, for: index) }
        let starts = PlannedTensor(
            home: try newSlot(rows: .fixed(1), stride: (experts + 1) * 4), rows: .fixed(1), columns: experts + 1,
            stride: (experts + 1) * 4, dtype: DType.i32.rawValue)
        var order = indices
        order.home = try newSlot(rows: order.rows, stride: order.stride)
        let ordered = try [plain, packed].map { from -> PlannedTensor in
            guard from.home != .absent else { return .absent }
            var to = from
            to.home = try newSlot(rows: to.rows, stride: try product(choices, to.stride))
            return to
        }
        plan.append(
            PlannedInstruction(
                kernel: try kernel("experts_gather", of: Op.experts), inputs: [indices, plain, packed], outputs: [starts, order] + ordered,
                node: index))

        let streamed = try stream(index, node, experts: experts)
        let hidden = try row(of: inner * 4, columns: inner, times: choices, like: x, DType.f32)
        // Kernels of before know four attributes, and take what they do not know of from the end.
        let attributes = try store.device.attributes(of: node)
        let weighted = Array(attributes.dropFirst(4))
        plan.append(
            PlannedInstruction(
                kernel: try kernel("experts_gate", of: Op.experts),
                inputs: [starts] + ordered
                    + [gate, up, try operand(node, "gate_bias"), try operand(node, "up_bias")]
                    + [try scales(node, "gate"), try scales(node, "up"), streamed.table]
                    + [streamed.guess ?? .absent, order, weights],
                outputs: [hidden],
                attributes: try Array(attributes.prefix(4)) + scaleBlock(node, "gate") + scaleBlock(node, "up") + streamed.offsets[..<2]
                    + weighted,
                node: index, stream: streamed.stream))

        var input = hidden
        if down.packing != 0 {
            input = try row(of: precision.stride(columns: inner), columns: inner, times: choices, like: x, DType.i8)
            plan.append(
                PlannedInstruction(
                    kernel: try kernel("experts_quantise", of: Op.experts), inputs: [starts, hidden, streamed.table], outputs: [input],
                    attributes: [precision.attribute], node: index, stream: streamed.stream))
        }
        plan.append(
            PlannedInstruction(
                kernel: try kernel("experts_down", of: Op.experts),
                inputs: [starts, order, weights, input, down, try operand(node, "down_bias"), try scales(node, "down"), streamed.table],
                outputs: [try result(node.outputs[0])], attributes: try scaleBlock(node, "down") + streamed.offsets[2...] + weighted,
                node: index,
                stream: streamed.stream))
    }

    // MARK: Experts on disk

    /// How the kernels of an experts node find their weights.
    private struct Streamed {
        /// nil: all weights are in memory.
        var stream: ExpertStream?
        var table = PlannedTensor.absent
        /// Of gate, up and down in a region.
        var offsets = [hadal_kernel_attribute(0), hadal_kernel_attribute(0), hadal_kernel_attribute(0)]
        /// What the next layer's router would choose.
        var guess: PlannedTensor?
    }

    private mutating func stream(_ index: Int, _ node: Graph.Node, experts: Int) throws -> Streamed {
        guard try isStreamed(node) else { return Streamed() }
        let (layer, parts) = try store.stream(node)
        guard let cache = store.device.experts else { return Streamed() }
        var streamed = Streamed()
        let following = cache.configuration.guesses ? try nextExperts(after: index) : nil
        var guess: PlannedTensor?
        if let following { guess = try lowerGuess(index, node, following) }
        let stream = ExpertStream(
            cache, layer: layer, experts: experts,
            nextExperts: try guess != nil ? following.map { try expertCount(graph.nodes[$0]) } ?? 0 : 0)
        for (before, other) in streams where try other.next == nil && nextExperts(after: before) == index { other.next = layer }
        streams[index] = stream
        streamed.stream = stream
        streamed.table = PlannedTensor(
            home: .constant(UnsafeMutableRawPointer(stream.table)), rows: .fixed(1), columns: experts, stride: experts * 8,
            dtype: DType.i64.rawValue)
        streamed.offsets = parts.map { hadal_kernel_attribute($0.offset) }
        streamed.guess = guess
        return streamed
    }

    private func isStreamed(_ node: Graph.Node) throws -> Bool {
        let contract = try contract(of: node)
        return try contract.cpu.packed.contains {
            try node.weight($0, contract).map { WeightStore.isStreamed($0, segment, store.device) } ?? false
        }
    }

    private func nextExperts(after index: Int) throws -> Int? {
        try graph.nodes.indices[(index + 1)...].first { try graph.nodes[$0].op == Op.experts && isStreamed(graph.nodes[$0]) }
    }

    /// Applies the router of another experts node to this node's rows: what it chooses is a guess at what it will choose once its own
    /// rows are known, because a layer adds little to what passes through it. Returns the choices, or nil where the graph has another form.
    private mutating func lowerGuess(_ index: Int, _ node: Graph.Node, _ following: Int) throws -> PlannedTensor? {
        let next = graph.nodes[following]
        guard let router = try producer(of: next.operand("indices", contract(of: next))), graph.nodes[router].op == Op.router,
            router > index,
            let weight = try graph.nodes[router].weight("weight", contract(of: graph.nodes[router]))
        else { return nil }
        var x = try operand(node, "x")
        guard graph.weights[weight].dims.count == 2, graph.weights[weight].dims[1] == x.columns, case .slot = x.home else { return nil }
        // Seen through the other layer's own norm, where both norms read the same kind of row.
        if let ours = try producer(of: node.operand("x", contract(of: node))),
            let theirs = try producer(of: graph.nodes[router].operand("x", contract(of: graph.nodes[router]))),
            graph.nodes[ours].op == Op.rmsNorm, graph.nodes[theirs].op == Op.rmsNorm, theirs > index,
            case .value = graph.nodes[ours].inputs[0]
        {
            let before = try operand(graph.nodes[ours], 0)
            if before.columns == x.columns {
                var normed = before
                normed.home = try newSlot(rows: before.rows, stride: before.stride)
                let inputs = try [before] + graph.nodes[theirs].inputs.indices.dropFirst().map { try operand(graph.nodes[theirs], $0) }
                plan.append(
                    PlannedInstruction(
                        kernel: try kernel(Op.rmsNorm), inputs: inputs, outputs: [normed],
                        attributes: try store.device.attributes(of: graph.nodes[theirs]), node: index))
                x = normed
            }
        }
        return try routed(x, graph.nodes[router], node: index)
    }

    /// The node that makes an operand.
    private func producer(of operand: Graph.Operand) -> Int? {
        guard case .value(let value) = operand else { return nil }
        return graph.nodes.firstIndex { $0.outputs.contains(value) }
    }

    /// A router's choices for rows that are not its own, in places of their own.
    private mutating func routed(_ x: PlannedTensor, _ router: Graph.Node, node: Int) throws -> PlannedTensor {
        let matrix = try matrix(router, "weight")
        guard case .fixed(let experts) = matrix.rows else { throw HadalError(.unsupported, "a router of varying width") }
        let top = router.int("top_k")
        func made(_ columns: Int, _ dtype: DType) throws -> PlannedTensor {
            PlannedTensor(
                home: try newSlot(rows: x.rows, stride: columns * 4), rows: x.rows, columns: columns, stride: columns * 4,
                dtype: dtype.rawValue)
        }
        let logits = try made(experts, .f32), indices = try made(top, .i32), weights = try made(top, .f32)
        plan.append(
            PlannedInstruction(
                kernel: try kernel("router_logits", of: Op.router), inputs: [x, matrix, try operand(router, "bias")], outputs: [logits],
                node: node))
        plan.append(
            PlannedInstruction(
                kernel: try kernel(Op.router),
                inputs: [logits, try operand(router, "selection_bias"), try optionalOperand(router, "expert_scale")],
                outputs: [indices, weights],
                attributes: try store.device.attributes(of: router), node: node))
        return indices
    }

    private func expertCount(_ node: Graph.Node) throws -> Int {
        let weight = try weight(node, "gate")
        guard graph.weights[weight].dims.count == 3 else {
            throw HadalError(.invalidArgument, "experts requires matrices of rank 3")
        }
        return graph.weights[weight].dims[0]
    }

    /// `times` rows of `stride` bytes for each row of `like`.
    private mutating func row(of stride: Int, columns: Int, times: Int, like: PlannedTensor, _ dtype: DType) throws -> PlannedTensor {
        PlannedTensor(
            home: try newSlot(rows: like.rows, stride: try product(times, stride)), rows: like.rows, columns: columns, stride: stride,
            dtype: dtype.rawValue)
    }

    private func product(_ a: Int, _ b: Int) throws -> Int {
        let (product, overflow) = a.multipliedReportingOverflow(by: b)
        guard !overflow else { throw HadalError(.outOfMemory, "an activation is too large to address") }
        return product
    }

    // MARK: Block scales

    /// The scales of a float8 weight's blocks, all matrices' one after the other; absent for other weights.
    func scales(_ node: Graph.Node, _ name: String) throws -> PlannedTensor {
        guard let weight = try node.weight(name, contract(of: node)), let scales = segment.weights[weight].scales else { return .absent }
        return PlannedTensor(
            home: .constant(try store.scales(weight, scales)), rows: .fixed(scales.rows), columns: scales.columns,
            stride: scales.columns * 4, dtype: DType.f32.rawValue)
    }

    /// Rows and columns of the block that one scale is for.
    func scaleBlock(_ node: Graph.Node, _ name: String) throws -> [hadal_kernel_attribute] {
        var block = (rows: 1, columns: 128)
        if let weight = try node.weight(name, contract(of: node)), let scales = segment.weights[weight].scales { block = scales.block }
        return [hadal_kernel_attribute(block.rows), hadal_kernel_attribute(block.columns)]
    }
}
