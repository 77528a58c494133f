import HadalCore
import HadalGraph

extension RunGraph {
    package var hasQuantisedWeights: Bool { graph.weights.contains { $0.dtype.isQuantised } }

    /// Bytes of weights, as stored, that one decode step reads: every matrix once, of an embedding table one row, of experts those that a token uses.
    package var decodeBytes: Int {
        var used: Set<Int> = []
        var tables: Set<Int> = []
        var chosen: [Int: Int] = [:]
        for node in graph.nodes {
            let count = chosenExperts(of: node)
            for case .weight(let w) in node.inputs {
                if node.op == Op.embedding {
                    tables.insert(w)
                } else if let count {
                    chosen[w] = max(chosen[w] ?? 0, count)
                } else {
                    used.insert(w)
                }
            }
        }
        func part(_ w: Int, rows: Int) -> Int {
            let all = max(1, graph.weights[w].dims.first ?? 1)
            return graph.weights[w].bytes / all * min(rows, all)
        }
        return used.reduce(0) { $0 + graph.weights[$1].bytes }
            + tables.subtracting(used).reduce(0) { $0 + part($1, rows: 1) }
            + chosen.reduce(0) { used.contains($1.key) ? $0 : $0 + part($1.key, rows: $1.value) }
    }

    /// Multiplications by weights that one prefill token costs, of experts by those it uses; the head counts for the last token only, so not at all.
    package var prefillMultiplies: Int {
        var total = 0
        for node in graph.nodes where !node.inputs.isEmpty {
            guard case .value(let x) = node.inputs[0], graph.values[x].dims.first == .tokens else { continue }
            if let count = chosenExperts(of: node) {
                for case .weight(let w) in node.inputs where graph.weights[w].dims.count == 3 {
                    total += graph.weights[w].elements / max(1, graph.weights[w].dims[0]) * count
                }
            } else if node.op == Op.linear, case .weight(let w) = node.inputs[1] {
                total += graph.weights[w].elements
            }
        }
        return total
    }

    /// How many experts a token uses in this node; nil: it has none.
    private func chosenExperts(of node: Graph.Node) -> Int? {
        guard node.op == Op.experts, node.inputs.count > 1, case .value(let indices) = node.inputs[1],
            case .fixed(let count)? = graph.values[indices].dims.last
        else { return nil }
        return count
    }
}
