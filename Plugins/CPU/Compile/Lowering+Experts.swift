import CHadalKernels
import HadalBackend
import HadalCore
import HadalGraph

/// Mixtures of experts.
extension Lowering {
    mutating func lowerRouter(_ index: Int, _ node: Graph.Node) throws {
        let x = try operand(node, 0), weight = try matrix(node, 1)
        guard case .fixed(let experts) = weight.rows else { throw HadalError(.unsupported, "a router of varying width") }
        let logits = PlannedTensor(
            home: try newSlot(rows: x.rows, stride: experts * 4), rows: x.rows, columns: experts, stride: experts * 4,
            dtype: DType.f32.rawValue)
        plan.append(
            PlannedInstruction(
                kernel: hadal_kernel_router_logits(), inputs: [x, weight, try operand(node, 2)], outputs: [logits], node: index))
        plan.append(
            PlannedInstruction(
                kernel: hadal_kernel_router(), inputs: [logits, try operand(node, 3)],
                outputs: [try result(node.outputs[0]), try result(node.outputs[1])], attributes: try Self.attributes(of: node),
                node: index))
    }

    mutating func lowerExperts(_ index: Int, _ node: Graph.Node) throws {
        let x = try operand(node, 0), indices = try operand(node, 1), weights = try operand(node, 2)
        let gate = try matrix(node, 3), up = try matrix(node, 4), down = try matrix(node, 5)
        let experts = try expertCount(node), choices = indices.columns, inner = down.columns

        // Rows in the order of their experts: of x as it is, of x quantised, or both, as gate and up want.
        var plain = PlannedTensor.absent, packed = PlannedTensor.absent
        if gate.packing == 0 || up.packing == 0 { plain = x }
        if gate.packing != 0 || up.packing != 0, case .value(let value) = node.inputs[0] {
            packed = try quantise(value, x, terms: store.activations?.terms ?? 1, for: index)
        }
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
                kernel: hadal_kernel_experts_gather(), inputs: [indices, plain, packed], outputs: [starts, order] + ordered, node: index))

        let hidden = try row(of: inner * 4, columns: inner, times: choices, like: x, DType.f32)
        plan.append(
            PlannedInstruction(
                kernel: hadal_kernel_experts_gate(),
                inputs: [starts] + ordered
                    + [gate, up, try operand(node, 6), try operand(node, 7), try scales(node, 3), try scales(node, 4)],
                outputs: [hidden],
                attributes: try Self.attributes(of: node) + scaleBlock(node, 3) + scaleBlock(node, 4), node: index))

        var input = hidden
        if down.packing != 0 {
            let stride = (store.activations?.terms ?? 1) * Int(hadal_quantised_stride(Int64(inner)))
            input = try row(of: stride, columns: inner, times: choices, like: x, DType.i8)
            plan.append(
                PlannedInstruction(kernel: hadal_kernel_experts_quantise(), inputs: [starts, hidden], outputs: [input], node: index))
        }
        plan.append(
            PlannedInstruction(
                kernel: hadal_kernel_experts_down(),
                inputs: [starts, order, weights, input, down, try operand(node, 8), try scales(node, 5)],
                outputs: [try result(node.outputs[0])], attributes: scaleBlock(node, 5), node: index))
    }

    private func expertCount(_ node: Graph.Node) throws -> Int {
        guard case .weight(let weight) = node.inputs[3], graph.weights[weight].dims.count == 3 else {
            throw HadalError(.invalidArgument, "experts wants matrices of rank 3")
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
    func scales(_ node: Graph.Node, _ index: Int) throws -> PlannedTensor {
        guard case .weight(let weight) = node.inputs[index], let scales = segment.weights[weight].scales else { return .absent }
        return PlannedTensor(
            home: .constant(try store.scales(weight, scales)), rows: .fixed(scales.rows), columns: scales.columns,
            stride: scales.columns * 4, dtype: DType.f32.rawValue)
    }

    /// Rows and columns of the block that one scale is for.
    func scaleBlock(_ node: Graph.Node, _ index: Int) -> [hadal_kernel_attribute] {
        var block = (rows: 1, columns: 128)
        if case .weight(let weight) = node.inputs[index], let scales = segment.weights[weight].scales { block = scales.block }
        return [hadal_kernel_attribute(block.rows), hadal_kernel_attribute(block.columns)]
    }
}
