/// Nodes of one op with one thing to be said about them.
package struct OpGroup: Sendable {
    package let op: String
    /// The first node's; those of the others differ from it in numbers at most.
    package let reason: String
    package private(set) var labels: [String]

    /// "attention x30 (layers.0.attention.a … layers.29.attention.a)".
    package var text: String {
        guard labels.count > 1, let first = labels.first, let last = labels.last else { return "\(op) (\(labels.first ?? ""))" }
        return "\(op) x\(labels.count) (\(first) … \(last))"
    }

    /// In the order of each group's first node.
    static func group(_ nodes: [(label: String, op: String, reason: String)]) -> [OpGroup] {
        var groups: [OpGroup] = []
        var index: [[String]: Int] = [:]
        for node in nodes {
            // "no room for state 'kv.17'" is one reason for all layers.
            let key = [node.op, node.reason.filter { !("0"..."9").contains($0) }]
            if let known = index[key] {
                groups[known].labels.append(node.label)
            } else {
                index[key] = groups.count
                groups.append(OpGroup(op: node.op, reason: node.reason, labels: [node.label]))
            }
        }
        return groups
    }
}

extension ExecutionPlan {
    /// The moves, those of one op for one reason together: "attention x30 (…) runs on reference, not vulkan: no such kernel".
    public var moveSummary: [String] {
        OpGroup.group(moves.map { ($0.label, $0.op, "runs on \($0.to), not \($0.from): \($0.reason)") }).map { "\($0.text) \($0.reason)" }
    }
}
