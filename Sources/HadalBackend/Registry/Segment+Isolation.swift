import HadalCore
import HadalGraph

extension Segment {
    /// The segment that holds one node alone: its value operands become inputs, its outputs outputs.
    ///
    /// Used to ask about, and to compile, nodes one at a time. The bounds stay.
    /// - Throws: when the node or one of its indices does not exist.
    package func isolating(node index: Int) throws -> Segment {
        guard graph.nodes.indices.contains(index) else {
            throw HadalError(.invalidArgument, "segment '\(graph.name)' has \(graph.nodes.count) nodes, no node \(index)")
        }
        var node = graph.nodes[index]
        var part = Graph(name: node.label)
        var data: [WeightData] = []
        var values: [Int: Int] = [:]
        var weightIndices: [Int: Int] = [:]
        func wrong(_ what: String, _ i: Int) -> HadalError {
            HadalError(.invalidArgument, "\(node.label): there is no \(what) \(i) in segment '\(graph.name)'")
        }
        func value(_ i: Int) throws -> Int {
            if let known = values[i] { return known }
            guard graph.values.indices.contains(i) else { throw wrong("value", i) }
            part.values.append(graph.values[i])
            values[i] = part.values.count - 1
            return part.values.count - 1
        }
        var inputs: [Graph.Operand] = []
        for operand in node.inputs {
            switch operand {
            case .none: inputs.append(.none)
            case .value(let i):
                let known = values[i] != nil
                let new = try value(i)
                if !known { part.inputs.append(new) }
                inputs.append(.value(new))
            case .weight(let i):
                if let known = weightIndices[i] {
                    inputs.append(.weight(known))
                    continue
                }
                guard graph.weights.indices.contains(i), weights.indices.contains(i) else { throw wrong("weight", i) }
                part.weights.append(graph.weights[i])
                data.append(weights[i])
                weightIndices[i] = data.count - 1
                inputs.append(.weight(data.count - 1))
            }
        }
        node.inputs = inputs
        var outputs: [Int] = []
        for output in node.outputs { outputs.append(try value(output)) }
        part.outputs = outputs
        node.outputs = outputs
        var states: [Int] = []
        for state in node.states {
            guard graph.states.indices.contains(state) else { throw wrong("state", state) }
            part.states.append(graph.states[state])
            states.append(part.states.count - 1)
        }
        node.states = states
        part.nodes = [node]
        return Segment(graph: part, weights: data, bounds: bounds, stateDType: stateDType, pageTokens: pageTokens)
    }
}
