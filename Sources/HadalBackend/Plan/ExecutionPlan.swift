import HadalCore
import HadalGraph

/// Which device runs which nodes, and why: made once when a model is loaded, and part of the API.
public struct ExecutionPlan: Sendable {
    /// A run of consecutive nodes on one device.
    public struct Part: Sendable, Equatable {
        /// Index into `devices`.
        public var device: Int
        public var nodes: Range<Int>
    }

    /// A node that the preferred device could not take.
    public struct Move: Sendable, Equatable {
        public var label: String
        public var op: String
        public var from: String
        public var to: String
        public var reason: String
    }

    /// Names of the candidate devices, the preferred one first.
    public var devices: [String]
    public var parts: [Part]
    public var moves: [Move]
    /// Values that cross from one device to another in a step.
    public var copies: Int

    /// Places every node on the first candidate that supports it.
    ///
    /// - Parameters:
    ///   - segment: the whole model; weights may lack data.
    ///   - candidates: the preferred device first.
    ///   - single: candidates (by index) that can only take one node at a time.
    /// - Throws: `HadalError.unsupported` when no candidate takes a node, or when `policy` is `.error` and one would move.
    public static func make(
        for segment: Segment, candidates: [(name: String, device: any Device)], policy: FallbackPolicy, single: Set<Int> = []
    ) throws -> ExecutionPlan {
        guard !candidates.isEmpty else { throw HadalError(.invalidArgument, "no device to place the model on") }
        var placement: [Int] = []
        var moves: [Move] = []
        var refused: [(node: Graph.Node, reasons: [String])] = []
        for (i, node) in segment.graph.nodes.enumerated() {
            var reasons: [String] = []
            var chosen: Int?
            for (k, candidate) in candidates.enumerated() {
                guard let reason = candidate.device.unsupported(node: i, of: segment) else { chosen = k; break }
                reasons.append("\(candidate.name): \(reason)")
            }
            guard let chosen else {
                refused.append((node, reasons))
                continue
            }
            if chosen > 0 {
                moves.append(Move(
                    label: node.label, op: node.op, from: candidates[0].name, to: candidates[chosen].name, reason: reasons[0]))
            }
            placement.append(chosen)
        }
        if let first = refused.first {
            let kinds = Self.counts(refused.map(\.node.op))
            let others = policy == .error ? "; --fallback warn lets another backend run them" : ""
            throw HadalError(
                .unsupported, "cannot run \(first.node.label) (\(first.node.op)): \(first.reasons.joined(separator: "; "))",
                hint: "\(refused.count) ops cannot run (\(kinds))\(others)")
        }
        if policy == .error, let first = moves.first {
            throw HadalError(
                .unsupported, "\(first.reason): \(first.label) (\(first.op)) would move to \(first.to)",
                hint: "\(moves.count) ops would move (\(Self.counts(moves.map(\.op)))); --fallback warn permits it")
        }
        var parts: [Part] = []
        for (i, device) in placement.enumerated() {
            if let last = parts.last, last.device == device, !single.contains(device) {
                parts[parts.count - 1].nodes = last.nodes.lowerBound..<(i + 1)
            } else {
                parts.append(Part(device: device, nodes: i..<(i + 1)))
            }
        }
        var plan = ExecutionPlan(devices: candidates.map(\.name), parts: parts, moves: moves, copies: 0)
        plan.copies = plan.crossings(in: segment.graph)
        return plan
    }

    /// "attention x3, rope x6".
    private static func counts(_ ops: [String]) -> String {
        Dictionary(grouping: ops) { $0 }.map { "\($0.key) x\($0.value.count)" }.sorted().joined(separator: ", ")
    }

    private func crossings(in graph: Graph) -> Int {
        var producer: [Int: Int] = [:]
        var seen: Set<[Int]> = []
        for part in parts {
            for node in graph.nodes[part.nodes] {
                for case .value(let v) in node.inputs {
                    if let from = producer[v], from != part.device { seen.insert([v, part.device]) }
                }
                for v in node.outputs { producer[v] = part.device }
            }
        }
        return seen.count
    }
}
