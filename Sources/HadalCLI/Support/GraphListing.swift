import HadalArchitecture
import HadalCore
import HadalGraph

/// A graph as text: one line for every node, with the shapes that flow and the weights that it uses.
enum GraphListing {
    static func text(_ graph: Graph, weights: [String: WeightBinding] = [:]) -> String {
        var lines = graph.inputs.map { "input  \(value($0, graph))" }
        for node in graph.nodes {
            let inputs = node.inputs.compactMap { operand -> String? in
                switch operand {
                case .none: nil
                case .value(let v): graph.values[v].name
                case .weight(let w): "\(graph.weights[w].name) \(graph.weights[w].dtype.name)\(graph.weights[w].dims)"
                }
            }
            let outputs = node.outputs.map { value($0, graph) }.joined(separator: ", ")
            let attributes = node.attributes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.expressionValue)" }.joined(
                separator: " ")
            let states = node.states.isEmpty ? "" : " state \(node.states.map { graph.states[$0].name }.joined(separator: ", "))"
            lines.append(
                "\(node.label): \(outputs) = \(node.op)(\(inputs.joined(separator: ", ")))\(attributes.isEmpty ? "" : " \(attributes)")\(states)"
            )
        }
        lines += graph.outputs.map { "output \(value($0, graph))" }
        return lines.joined(separator: "\n")
    }

    private static func value(_ index: Int, _ graph: Graph) -> String {
        let value = graph.values[index]
        return "\(value.name) \(value.dtype.name)[\(value.dims.map(\.description).joined(separator: ", "))]"
    }

    static func json(_ graph: Graph) -> JSON {
        func dims(_ dims: [Dim]) -> JSON {
            JSON(
                .array(
                    dims.map { dim in
                        switch dim {
                        case .fixed(let n): JSON(.int(Int64(n)))
                        case .symbol(let s): JSON(.string(s.letter))
                        }
                    }))
        }
        func ints(_ list: [Int]) -> JSON { JSON(.array(list.map { JSON(.int(Int64($0))) })) }
        return [
            "name": JSON(.string(graph.name)),
            "values": JSON(
                .array(graph.values.map { ["name": JSON(.string($0.name)), "dtype": JSON(.string($0.dtype.name)), "dims": dims($0.dims)] })),
            "weights": JSON(
                .array(
                    graph.weights.map { ["name": JSON(.string($0.name)), "dtype": JSON(.string($0.dtype.name)), "dims": ints($0.dims)] })),
            "states": JSON(
                .array(
                    graph.states.map {
                        ["name": JSON(.string($0.name)), "heads": JSON(.int(Int64($0.heads))), "width": JSON(.int(Int64($0.width)))]
                    })),
            "nodes": JSON(
                .array(
                    graph.nodes.map { node in
                        [
                            "label": JSON(.string(node.label)), "op": JSON(.string(node.op)),
                            "inputs": JSON(
                                .array(
                                    node.inputs.map { operand in
                                        switch operand {
                                        case .none: .null
                                        case .value(let v): ["value": JSON(.int(Int64(v)))]
                                        case .weight(let w): ["weight": JSON(.int(Int64(w)))]
                                        }
                                    })),
                            "outputs": ints(node.outputs), "states": ints(node.states),
                            "attributes": JSON(
                                .object(
                                    JSONObject(node.attributes.sorted { $0.key < $1.key }.map { ($0.key, $0.value.expressionValue.json) }))),
                        ]
                    })),
            "inputs": ints(graph.inputs), "outputs": ints(graph.outputs),
        ]
    }
}
