#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
package import HadalCore
package import HadalEngine

/// How far two backends' results lie apart, op by op in execution order.
///
/// Each backend computes on its own earlier results, so that errors add up along the graph: the first op beyond the tolerance is
/// where they part.
package struct TraceComparison: Sendable {
    package struct Row: Sendable {
        package var label: String
        package var op: String
        /// Index of the node in the graph.
        package var node: Int
        /// Elements of the result, over all tokens.
        package var elements: Int
        /// sqrt(mean (a - b)^2) / sqrt(mean b^2); infinite when one side is not finite and the other is.
        package var relative: Double
        package var maximum: Double
        /// Flat index of the largest difference, and both values there.
        package var worst: (index: Int, a: Float, b: Float)
    }

    package let names: (String, String)
    package let rows: [Row]
    package let tolerance: Double

    package init(
        names: (String, String), a: [NamedTensor], b: [NamedTensor], order: [(label: String, op: String, outputs: Int)],
        tolerance: Double
    ) {
        self.names = names
        self.tolerance = tolerance
        let left = Dictionary(a.map { ($0.name, $0) }, uniquingKeysWith: { x, _ in x })
        let right = Dictionary(b.map { ($0.name, $0) }, uniquingKeysWith: { x, _ in x })
        var rows: [Row] = []
        for (index, node) in order.enumerated() {
            for output in 0..<node.outputs {
                let key = NamedTensor.name(node: index, output: output)
                guard let x = left[key], let y = right[key] else { continue }
                let label = node.outputs > 1 ? "\(node.label).\(output)" : node.label
                rows.append(Self.row(label, node.op, index, x.values, y.values))
            }
        }
        if let x = left["logits"], let y = right["logits"] {
            rows.append(Self.row("logits", order.last?.op ?? "", max(order.count - 1, 0), x.values, y.values))
        }
        self.rows = rows
    }

    /// The first op beyond the tolerance.
    package var first: Row? { rows.first { !($0.relative <= tolerance) } }

    private static func row(_ label: String, _ op: String, _ node: Int, _ x: [Float], _ y: [Float]) -> Row {
        var row = Row(label: label, op: op, node: node, elements: min(x.count, y.count), relative: 0, maximum: 0, worst: (0, 0, 0))
        var (difference, norm) = (0.0, 0.0)
        for i in 0..<min(x.count, y.count) {
            let d = abs(Double(x[i]) - Double(y[i]))
            difference += d * d
            norm += Double(y[i]) * Double(y[i])
            if !(d <= row.maximum) {
                row.maximum = d
                row.worst = (i, x[i], y[i])
            }
        }
        row.relative = difference == 0 ? 0 : norm > 0 ? (difference / norm).squareRoot() : .infinity
        return row
    }

    package func text() -> String {
        var lines: [String] = []
        if let first {
            lines.append(
                "\(first.label) (\(first.op)) is the first op beyond the tolerance of \(tolerance): relative error \(first.relative)")
            lines.append("  worst element \(first.worst.index): \(names.0) \(first.worst.a), \(names.1) \(first.worst.b)")
        } else {
            lines.append("\(names.0) and \(names.1) agree within \(tolerance) on all \(rows.count) results")
        }
        for row in rows.sorted(by: { $0.relative > $1.relative }).prefix(5) {
            lines.append("  \(row.label) (\(row.op)): relative error \(row.relative), largest difference \(row.maximum)")
        }
        return lines.joined(separator: "\n")
    }

    package func json() -> JSON {
        func json(_ row: Row) -> JSON {
            [
                "label": JSON(.string(row.label)), "op": JSON(.string(row.op)), "relative_error": JSON(.double(row.relative)),
                "maximum_difference": JSON(.double(row.maximum)), "worst_index": JSON(.int(Int64(row.worst.index))),
            ]
        }
        return [
            "tolerance": JSON(.double(tolerance)), "first": first.map(json) ?? .null, "results": JSON(.array(rows.map(json))),
        ]
    }
}
