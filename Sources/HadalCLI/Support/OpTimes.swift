import Hadal
import HadalBackend
import HadalCore
import HadalGraph

/// Time by kind of op, from what a backend reports of each node.
struct OpTimes {
    /// Largest first.
    let rows: [(op: String, nanoseconds: UInt64, count: Int)]

    init(_ events: [TraceSink.Event], of engine: Engine) {
        let nodes = engine.model.graph.nodes
        var total: [String: (nanoseconds: UInt64, count: Int)] = [:]
        for event in events where nodes.indices.contains(event.node) {
            total[nodes[event.node].op, default: (0, 0)].nanoseconds += event.duration
            total[nodes[event.node].op, default: (0, 0)].count += 1
        }
        rows = total.map { ($0.key, $0.value.nanoseconds, $0.value.count) }.sorted { ($0.nanoseconds, $1.op) > ($1.nanoseconds, $0.op) }
    }

    private var all: UInt64 { max(1, rows.reduce(0) { $0 + $1.nanoseconds }) }
    func share(_ row: (op: String, nanoseconds: UInt64, count: Int)) -> Double { Double(row.nanoseconds) / Double(all) }

    /// The three that take the most.
    var summary: String {
        rows.prefix(3).map { "\($0.op) \(Terminal.number(100 * share($0), 0)) %" }.joined(separator: ", ")
    }

    /// Of `steps` runs of the graph, milliseconds and shares of one; null for a backend that reports no ops.
    func json(steps: Int) -> JSON {
        guard !rows.isEmpty else { return .null }
        return JSON(
            .object(
                JSONObject(
                    rows.map { row in
                        (
                            row.op,
                            [
                                "milliseconds": JSON(.double(Double(row.nanoseconds) / 1e6 / Double(max(1, steps)))),
                                "share": JSON(.double(share(row))),
                            ]
                        )
                    })))
    }
}
