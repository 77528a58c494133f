package import HadalCore

/// Builds a validated graph node by node, inferring shapes from the op contracts.
package struct GraphBuilder {
    package let catalogue: OpCatalogue
    package private(set) var graph: Graph

    package init(name: String, catalogue: OpCatalogue) {
        self.catalogue = catalogue
        graph = Graph(name: name)
    }

    package mutating func input(_ name: String, dtype: DType, dims: [Dim]) -> Int {
        graph.values.append(.init(name: name, dtype: dtype, dims: dims))
        graph.inputs.append(graph.values.count - 1)
        return graph.values.count - 1
    }

    package mutating func weight(_ weight: Graph.Weight) -> Int {
        graph.weights.append(weight)
        return graph.weights.count - 1
    }

    package mutating func state(_ state: Graph.State) -> Int {
        graph.states.append(state)
        return graph.states.count - 1
    }

    package mutating func output(_ value: Int) { graph.outputs.append(value) }

    /// Appends a node and returns its output values.
    ///
    /// - Parameters:
    ///   - inputs: in the contract's order; trailing optional inputs may be left out.
    ///   - states: existing states, in the contract's order; their heads, rows and widths must agree with the contract.
    ///   - outputNames: names of the values made; one for each output.
    /// - Throws: `HadalError` naming the node's label, the op, and both shapes where they disagree.
    package mutating func node(
        _ op: String, label: String, inputs: [Graph.Operand], states: [Int] = [],
        attributes: [String: ExpressionValue] = [:], outputNames: [String]
    ) throws -> [Int] {
        let contract = try catalogue.contract(for: op)
        do {
            var inputs = inputs
            while inputs.count < contract.inputs.count { inputs.append(.none) }
            let complete = try contract.completeAttributes(attributes)
            let result = try ShapeRule.apply(contract, operands: inputs.map(operand), attributes: complete)
            guard result.outputs.count == outputNames.count else {
                throw HadalError(.mismatch, "\(op) has \(result.outputs.count) outputs, not \(outputNames.count)")
            }
            guard result.states.count == states.count else {
                throw HadalError(.mismatch, "\(op) uses \(result.states.count) states, not \(states.count)")
            }
            for (index, wanted) in zip(states, result.states) {
                let state = graph.states[index]
                guard state.heads == wanted.heads, state.width == wanted.width, state.rows == wanted.rows else {
                    let other = Graph.State(name: state.name, heads: wanted.heads, width: wanted.width, rows: wanted.rows)
                    throw HadalError(
                        .mismatch, "\(op): state '\(state.name)' holds \(state.shapeText), the op requires \(other.shapeText)")
                }
            }
            let first = graph.values.count
            for (name, output) in zip(outputNames, result.outputs) {
                graph.values.append(.init(name: name, dtype: output.dtype, dims: output.dims))
            }
            let outputs = Array(first..<graph.values.count)
            graph.nodes.append(.init(label: label, op: op, inputs: inputs, outputs: outputs, states: states, attributes: complete))
            return outputs
        } catch let error as HadalError {
            throw HadalError(error.code, "\(label): \(error.message)", at: error.place, hint: error.hint)
        }
    }

    private func operand(_ operand: Graph.Operand) throws -> ShapeRule.Operand? {
        switch operand {
        case .none: return nil
        case .value(let i):
            let value = graph.values[i]
            return .init(kind: .value, dtype: value.dtype, dims: value.dims, name: value.name)
        case .weight(let i):
            let weight = graph.weights[i]
            return .init(kind: .weight, dtype: weight.dtype, dims: weight.dims.map { .fixed($0) }, name: weight.name)
        }
    }
}
