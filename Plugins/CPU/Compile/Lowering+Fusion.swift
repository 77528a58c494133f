import CHadalKernels
import HadalBackend
import HadalCore
import HadalGraph

/// Neighbouring nodes that one call computes: they add and round as the calls of each would, and spare meetings of the threads and writing
/// to memory what is read at once.
extension Lowering {
    /// Whether nodes of these ops may become part of another's call: an op of the user's own is called itself.
    private func fuses(_ ops: String...) -> Bool {
        store.device.configuration.fuses && !ops.contains(where: store.device.kernels.isOverridden)
    }

    /// The nodes after one where its neighbours are looked for: a distant one is not worth a search that is quadratic in the graph.
    private func following(_ index: Int) -> Range<Int> { index + 1..<min(index + 9, graph.nodes.count) }

    // MARK: Residual

    private func flow(of node: Graph.Node) -> OpContract.Flow? { try? contract(of: node).flow }

    /// The sum that is all that reads a linear's result, with its other operand, when that exists already.
    func residual(after index: Int, _ node: Graph.Node) -> (node: Int, value: Int)? {
        let y = node.outputs[0]
        guard graph.values.indices.contains(y), uses[y] == 1, !isOutput[y] else { return nil }
        for next in following(index) where graph.nodes[next].inputs.contains(.value(y)) {
            let add = graph.nodes[next]
            guard flow(of: add) == .sum, add.inputs.count >= 2, add.inputs.dropFirst(2).allSatisfy({ $0 == .none }), fuses(add.op) else {
                return nil
            }
            let other = add.inputs[0] == .value(y) ? add.inputs[1] : add.inputs[0]
            guard case .value(let value) = other, value != y, graph.values.indices.contains(value), isMade(value),
                graph.values[value].dims == graph.values[y].dims
            else { return nil }
            return (next, value)
        }
        return nil
    }

    /// Whether a call planned so far, or the host, writes the value.
    private func isMade(_ value: Int) -> Bool {
        guard let home = homes[value] else { return false }
        if case .output = home { return plan.contains { $0.outputs.contains { $0.home == home } } }
        return true
    }

    // MARK: Gate

    /// Two linears of the same rows and the glu that is all that reads their results, the first of them being node `index`.
    ///
    /// - Returns: whether they are planned now.
    mutating func lowerGate(_ index: Int, _ node: Graph.Node) throws -> Bool {
        let y = node.outputs[0]
        guard fuses(Op.glu, Op.linear), let glu = following(index).first(where: { graph.nodes[$0].inputs.contains(.value(y)) }),
            graph.nodes[glu].op == Op.glu, graph.nodes[glu].inputs.count == 2
        else { return false }
        var pair: [Int] = []
        for case .value(let value) in graph.nodes[glu].inputs
        where graph.values.indices.contains(value) && uses[value] == 1 && !isOutput[value] {
            guard let source = graph.nodes.indices[index..<glu].first(where: { graph.nodes[$0].outputs.contains(value) }) else {
                return false
            }
            pair.append(source)
        }
        guard pair.count == 2, pair[0] != pair[1], pair.contains(index) else { return false }
        let (gate, up) = (graph.nodes[pair[0]], graph.nodes[pair[1]])
        let x = try node.operand("x", contract(of: node))
        guard try [gate, up].allSatisfy({ try $0.op == Op.linear && $0.operand("x", contract(of: $0)) == x }) else { return false }
        let weights = [try matrix(gate, "weight"), try matrix(up, "weight")]
        guard weights.allSatisfy({ $0.packing != 0 }), weights[0].rows == weights[1].rows, precision(of: gate) == precision(of: up) else {
            return false
        }
        plan.append(
            PlannedInstruction(
                kernel: try kernel("linear_gate", of: Op.linear),
                inputs: [try quantise(node, precision(of: node), for: index)] + weights + [
                    try operand(gate, "bias"), try operand(up, "bias"),
                ],
                outputs: [try result(graph.nodes[glu].outputs[0])], attributes: try store.device.attributes(of: graph.nodes[glu]),
                node: index,
                prefetchesWeights: true))
        done.formUnion(pair + [glu])
        return true
    }

    // MARK: Norm

    /// A norm of whole rows that only linears with packed weights read, all in the same 8-bit form.
    ///
    /// - Returns: whether it is planned now.
    mutating func lowerQuantisedNorm(_ index: Int, _ node: Graph.Node) throws -> Bool {
        let y = node.outputs[0]
        guard fuses(Op.rmsNorm, Op.linear), node.int("groups") == 1, graph.values.indices.contains(y), !isOutput[y], uses[y] > 0 else {
            return false
        }
        let readers = following(index).filter { graph.nodes[$0].inputs.contains(.value(y)) }.map { graph.nodes[$0] }
        guard readers.count == uses[y] else { return false }
        let wanted = precision(of: readers[0])
        for reader in readers {
            guard reader.op == Op.linear, try reader.operand("x", contract(of: reader)) == .value(y),
                try matrix(reader, "weight").packing != 0,
                precision(of: reader) == wanted
            else { return false }
        }
        let x = try operand(node, "x"), q = try quantisedRows(like: x, wanted)
        plan.append(
            PlannedInstruction(
                kernel: try kernel("linear_quantise_norm", of: Op.linear), inputs: [x, try operand(node, "weight")], outputs: [q],
                attributes: [wanted.attribute, hadal_kernel_attribute(node.float("eps"))], node: index))
        quantised[QuantisedValue(value: y, precision: wanted)] = q
        return true
    }
}
