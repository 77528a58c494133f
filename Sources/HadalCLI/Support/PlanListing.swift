import Hadal

/// A plan as text.
enum PlanListing {
    /// More parts than this are summed up.
    private static let mostParts = 12

    /// Which devices run what, what moved there and why, and what is copied between them.
    static func placement(_ placement: ExecutionPlan, of plan: LoadPlan) -> [String] {
        let graph = plan.graph
        let stepTokens = plan.bounds?.tokens ?? 0
        var lines = ["\nplacement"]
        func extent(_ part: ExecutionPlan.Part) -> String {
            let (first, last) = (graph.nodes[part.nodes.lowerBound].label, graph.nodes[part.nodes.upperBound - 1].label)
            return first == last ? first : "\(first) … \(last)"
        }
        if placement.parts.count <= mostParts {
            lines.append(Terminal.table(placement.parts.map { ["  \(placement.devices[$0.device])", count($0.nodes.count, "op"), extent($0)] }))
        } else {
            let device = placement.deviceOfNode
            lines.append(Terminal.table(placement.devices.indices.map { index in
                var kinds: [(op: String, count: Int)] = []
                for (node, at) in zip(graph.nodes, device) where at == index {
                    if let known = kinds.firstIndex(where: { $0.op == node.op }) { kinds[known].count += 1 } else { kinds.append((node.op, 1)) }
                }
                let parts = placement.parts.filter { $0.device == index }
                return [
                    "  \(placement.devices[index])", count(kinds.reduce(0) { $0 + $1.count }, "op"), "in \(count(parts.count, "part"))",
                    kinds.sorted { $0.count > $1.count }.map { "\($0.op) x\($0.count)" }.joined(separator: ", "),
                ]
            }))
        }
        lines += placement.moveSummary.map { "  \($0)" }
        guard placement.devices.count > 1 else {
            lines.append("  \(placement.copies) copies between devices a step")
            return lines
        }
        let crossing = placement.crossingBytes(in: graph, tokens: 1, rows: 1)
        lines.append("  \(count(placement.crossings.count, "value")) cross\(placement.crossings.count == 1 ? "es" : "") between devices a step, \(Terminal.bytes(crossing)) a token")
        if placement.ownsMemory.contains(true) {
            let (token, step) = (placement.copiedBytes(in: graph, tokens: 1, rows: 1), placement.copiedBytes(in: graph, tokens: stepTokens, rows: 1))
            lines.append(
                "  \(count(placement.copies, "copies", "copy")) between devices a step: \(Terminal.bytes(token)) a token, \(Terminal.bytes(step)) for \(stepTokens) tokens of a prompt")
        } else {
            lines.append("  0 copies between devices a step: they share the host's memory")
        }
        return lines
    }

    /// What each device has to hold; nil for one device that computes on the host's memory, of which all has been said.
    static func devices(_ plan: LoadPlan) -> String? {
        guard plan.devices.count > 1 || plan.devices.contains(where: \.ownsMemory) else { return nil }
        let header = ["  device", "weights", "experts", "cache", "exchange", "in all", "free", "of"]
        return "\n" + Terminal.table([header] + plan.devices.map { device in
            [
                "  \(device.device)", Terminal.bytes(device.weightBytes), device.expertBytes > 0 ? Terminal.bytes(device.expertBytes) : "-",
                Terminal.bytes(device.cacheBytes), device.ownsMemory ? Terminal.bytes(device.exchangeBytes) : "-", Terminal.bytes(device.neededBytes),
                device.freeBytes.map { Terminal.bytes($0) } ?? "unknown",
                (device.totalBytes.map { Terminal.bytes($0) } ?? "unknown") + (device.ownsMemory ? "" : ", the host's memory")
                    + (device.neededBytes > device.freeBytes ?? .max ? "; does not fit" : ""),
            ]
        })
    }

    private static func count(_ count: Int, _ many: String, _ one: String? = nil) -> String {
        if let one { return "\(count) \(count == 1 ? one : many)" }
        return "\(count) \(many)\(count == 1 ? "" : "s")"
    }
}
