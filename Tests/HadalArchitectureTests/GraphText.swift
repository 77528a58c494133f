import HadalGraph

extension Graph {
    /// Everything about a graph, as text that two equal graphs share.
    var listing: [String] {
        var lines = values.map { "value \($0.name) \($0.dtype) \($0.dims)" }
        lines += weights.map { "weight \($0.name) \($0.dtype) \($0.dims)" }
        lines += states.map { "state \($0.name) \($0.heads) \($0.width)" }
        lines += nodes.map { node in
            let attributes = node.attributes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            return "\(node.label) \(node.op) \(node.inputs) \(node.outputs) \(node.states) \(attributes)"
        }
        return lines + ["inputs \(inputs)", "outputs \(outputs)"]
    }

    func nodes(_ op: String) -> [Node] { nodes.filter { $0.op == op } }
    func nodes(labelled suffix: String) -> [Node] { nodes.filter { $0.label.hasSuffix(suffix) } }

    func weight(_ node: Node, _ position: Int) -> Weight? {
        guard node.inputs.indices.contains(position), case .weight(let i) = node.inputs[position] else { return nil }
        return weights[i]
    }
}
