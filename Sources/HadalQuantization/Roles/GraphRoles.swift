import HadalCore
import HadalGraph

/// Tells from a model's computation what each of its weights is for.
///
/// Only ops and the flow of values between them are looked at, so that it holds for every description.
struct GraphRoles {
    private let graph: Graph
    private let catalogue: OpCatalogue
    private var producers: [Int: Int] = [:]
    private var consumers: [Int: [Int]] = [:]

    /// Of each node, as its contract says.
    private let flows: [OpContract.Flow?]

    init(_ graph: Graph, _ catalogue: OpCatalogue) {
        self.graph = graph
        self.catalogue = catalogue
        flows = graph.nodes.map { catalogue.contracts[$0.op]?.flow }
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
        case Op.router: return .router
        case _ where !takesBlocks: return .plain
        case Op.embedding: return .embedding
        case Op.experts: return .experts
        case _ where flows[index] == .attend: return .attention
        case Op.linear:
            guard let result = node.outputs.first else { return nil }
            let direct = reached(from: result, through: passesRows)
            if direct.isOutput { return .output }
            let isAheadOfAttention = reached(from: result) {
                passesRows($0) || graph.nodes[$0].op == Op.linear || flows[$0] == .gate
            }.nodes.contains(where: isAttending)
            // What is added to the residual stream reaches everything behind it.
            if isAheadOfAttention, !direct.nodes.contains(where: { flows[$0] == .sum }) { return .attention }
            let gates = direct.nodes.filter { flows[$0] == .gate || flows[$0] == .product }
            let behind = gates.flatMap { reached(from: graph.nodes[$0].outputs.first ?? -1, through: passesRows).nodes }
            if gates.contains(where: isAttending) || behind.contains(where: isAttending) { return .attention }
            if gates.contains(where: { flows[$0] == .gate }) { return gates.contains(where: isBesideExperts) ? .shared : .ffn }
            // What begins the residual stream, as a projection of an embedding does.
            let unknown: TensorRole? = isAheadOfAttention ? .attention : nil
            guard let source = origin(of: index) else { return unknown }
            switch flows[source] {
            case .attend: return .attention
            case .gate, .product: return isOfAttention(source) ? .attention : isBesideExperts(source) ? .shared : .ffn
            default: return unknown
            }
        default: return nil
        }
    }

    private func passesRows(_ index: Int) -> Bool { flows[index]?.passesRows ?? false }

    /// The nodes that a value reaches, going on behind those that `through` is true of.
    private func reached(from value: Int, through: (Int) -> Bool) -> (nodes: Set<Int>, isOutput: Bool) {
        var (nodes, isOutput): (Set<Int>, Bool) = ([], false)
        var next = [value]
        while let value = next.popLast() {
            if graph.outputs.contains(value), consumers[value, default: []].isEmpty { isOutput = true }
            for index in consumers[value, default: []] where nodes.insert(index).inserted && through(index) {
                next += graph.nodes[index].outputs
            }
        }
        return (nodes, isOutput)
    }

    /// The op whose result a node works on, behind those that hand it on.
    private func origin(of index: Int) -> Int? {
        var at = index
        for _ in graph.nodes.indices {
            guard case .value(let value)? = graph.nodes[at].inputs.first(where: { if case .value = $0 { true } else { false } }),
                let producer = producers[value]
            else { return nil }
            guard passesRows(producer) else { return producer }
            at = producer
        }
        return nil
    }

    private func isAttending(_ index: Int) -> Bool {
        flows[index] == .attend || (flows[index] == .gate || flows[index] == .product) && isOfAttention(index)
    }

    /// Whether a product, or one with a gate, is of what attention, or a recurrence in its place, gives.
    private func isOfAttention(_ product: Int) -> Bool {
        graph.nodes[product].inputs.contains { operand in
            guard case .value(let value) = operand, var producer = producers[value] else { return false }
            if passesRows(producer) { producer = origin(of: producer) ?? producer }
            return flows[producer] == .attend
        }
    }

    /// Whether the network around a gate is added to what chosen experts give.
    private func isBesideExperts(_ gate: Int) -> Bool {
        let ahead = reached(from: graph.nodes[gate].outputs.first ?? -1) { index in
            graph.nodes[index].op == Op.linear || [.map, .gate, .product].contains(flows[index])
        }
        return ahead.nodes.contains { index in
            guard flows[index] == .sum else { return false }
            return graph.nodes[index].inputs.contains { operand in
                guard case .value(let value) = operand, var producer = producers[value] else { return false }
                for _ in graph.nodes.indices where passesRows(producer) { producer = origin(of: producer) ?? producer }
                return graph.nodes[producer].op == Op.experts
            }
        }
    }
}
