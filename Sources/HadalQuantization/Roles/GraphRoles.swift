import HadalGraph

/// Tells from a model's computation what each of its weights is for.
///
/// Only ops and the flow of values between them are looked at, so that it holds for every description.
struct GraphRoles {
    private let graph: Graph
    private let catalogue: OpCatalogue
    private var producers: [Int: Int] = [:]
    private var consumers: [Int: [Int]] = [:]

    /// Ops that hand on what they are given, a row as a row.
    private static let passing: Set<String> = ["rms_norm", "layer_norm", "rope", "clamp", "scale", "softcap", "split", "concat", "gather_rows"]
    private static let attending: Set<String> = ["attention", "latent_attention", "indexer"]
    private static let gating: Set<String> = ["glu", "activation"]

    init(_ graph: Graph, _ catalogue: OpCatalogue) {
        self.graph = graph
        self.catalogue = catalogue
        for (index, node) in graph.nodes.enumerated() {
            for value in node.outputs { producers[value] = index }
            for case .value(let value) in node.inputs { consumers[value, default: []].append(index) }
        }
    }

    /// The roles of each weight, by its name in the graph.
    func roles() -> [String: Set<TensorRole>] {
        var found: [String: Set<TensorRole>] = [:]
        for (index, node) in graph.nodes.enumerated() {
            let inputs = catalogue.contracts[node.op]?.inputs ?? []
            for (slot, operand) in node.inputs.enumerated() {
                guard case .weight(let weight) = operand, graph.weights.indices.contains(weight) else { continue }
                let dtypes = inputs.indices.contains(slot) ? inputs[slot].dtypes : []
                if let role = role(of: index, takesBlocks: dtypes.isEmpty || dtypes.contains(where: \.isQuantised)) {
                    found[graph.weights[weight].name, default: []].insert(role)
                }
            }
        }
        return found
    }

    private func role(of index: Int, takesBlocks: Bool) -> TensorRole? {
        let node = graph.nodes[index]
        switch node.op {
        case "router": return .router
        case _ where !takesBlocks: return .plain
        case "embedding": return .embedding
        case "experts": return .experts
        case "latent_attention": return .attention
        case "linear":
            guard let result = node.outputs.first else { return nil }
            let direct = reached(from: result, through: Self.passing)
            if direct.isOutput { return .output }
            // What is added to the residual stream reaches everything behind it.
            if !direct.ops.contains("add"),
                !reached(from: result, through: Self.passing.union(["linear"])).ops.isDisjoint(with: Self.attending)
            {
                return .attention
            }
            if !direct.ops.isDisjoint(with: Self.gating) {
                let gates = direct.nodes.filter { Self.gating.contains(graph.nodes[$0].op) }
                return gates.contains(where: isBesideExperts) ? .shared : .ffn
            }
            let source = origin(of: index)
            if source.map({ Self.attending.contains(graph.nodes[$0].op) }) == true { return .attention }
            if let source, Self.gating.contains(graph.nodes[source].op) || graph.nodes[source].op == "mul" {
                return isBesideExperts(source) ? .shared : .ffn
            }
            return nil
        default: return nil
        }
    }

    /// The ops that a value reaches, going on behind those in `through`.
    private func reached(from value: Int, through: Set<String>) -> (ops: Set<String>, nodes: Set<Int>, isOutput: Bool) {
        var (nodes, isOutput): (Set<Int>, Bool) = ([], false)
        var next = [value]
        while let value = next.popLast() {
            if graph.outputs.contains(value), consumers[value, default: []].isEmpty { isOutput = true }
            for index in consumers[value, default: []] where nodes.insert(index).inserted && through.contains(graph.nodes[index].op) {
                next += graph.nodes[index].outputs
            }
        }
        return (Set(nodes.map { graph.nodes[$0].op }), nodes, isOutput)
    }

    /// The op whose result a node works on, behind those that hand it on.
    private func origin(of index: Int) -> Int? {
        var at = index
        for _ in graph.nodes.indices {
            guard case .value(let value)? = graph.nodes[at].inputs.first(where: { if case .value = $0 { true } else { false } }),
                let producer = producers[value]
            else { return nil }
            guard Self.passing.contains(graph.nodes[producer].op) else { return producer }
            at = producer
        }
        return nil
    }

    /// Whether the network around a gate is added to what chosen experts give.
    private func isBesideExperts(_ gate: Int) -> Bool {
        let ahead = reached(from: graph.nodes[gate].outputs.first ?? -1, through: ["linear", "mul", "scale", "glu"])
        return ahead.nodes.contains { index in
            let node = graph.nodes[index]
            guard node.op == "add" else { return false }
            return node.inputs.contains { operand in
                guard case .value(let value) = operand, var producer = producers[value] else { return false }
                for _ in graph.nodes.indices where Self.passing.contains(graph.nodes[producer].op) { producer = origin(of: producer) ?? producer }
                return graph.nodes[producer].op == "experts"
            }
        }
    }
}
