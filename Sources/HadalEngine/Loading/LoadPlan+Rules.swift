import HadalArchitecture
public import HadalBackend
import HadalGraph

extension LoadPlan {
    /// Rules that give this placement without any fallback: those it was made with, and before them one for each op that was moved.
    ///
    /// - Throws: `obstacle`, where it keeps a placement from being found.
    public func placementRules() throws -> PlacementRules {
        let plan = try requirePlacement()
        let nodes = graph.nodes
        let device = plan.deviceOfNode
        var rules: [PlacementRules.Rule] = []
        var whole: Set<String> = []
        for move in plan.moves where !whole.contains(move.op) {
            let target = plan.devices[device[move.node]]
            let isWhole = nodes.indices.allSatisfy { nodes[$0].op != move.op || device[$0] == device[move.node] }
            if isWhole { whole.insert(move.op) }
            let pattern = try PlacementPattern(isWhole ? move.op : "\(move.label) \(move.op)")
            guard !rules.contains(where: { $0.pattern == pattern }) else { continue }
            rules.append(try .init(pattern, on: target, note: "\(move.from): \(move.reason)"))
        }
        // What the moved ops were named by may have nothing left.
        for (index, rule) in (options.placement?.rules ?? []).enumerated() where !rules.contains(where: { $0.pattern == rule.pattern }) {
            let isUsed = zip(nodes, options.placement?.assign(graph) ?? []).contains { node, taken in
                taken == index && !rules.contains { $0.pattern.matches(node) }
            }
            if isUsed || rule.pattern.isRest || !nodes.contains(where: rule.pattern.matches) { rules.append(rule) }
        }
        if rules.last?.pattern.isRest != true { rules.append(try .init(try PlacementPattern("rest"), on: options.backend)) }
        return try PlacementRules(rules, architecture: description.graph.architecture)
    }
}
