import HadalArchitecture
import HadalBackend
import HadalCore
import HadalGraph

/// Which weights of a graph are experts, and which of these a backend can read from the model's files as it needs them.
///
/// Reads no weight.
package struct ExpertPlacement: Sendable {
    /// One node of experts.
    struct Layer: Sendable {
        var label: String
        /// Weight indices of gate, up and down.
        var weights: [Int]
        var experts: Int
        /// Chosen for each token.
        var chosen: Int
        /// False: some weight is not stored expert by expert, so that all of them have to be in memory.
        var isStreamable: Bool
    }

    private(set) var layers: [Layer] = []
    /// Where each expert of a streamable weight is stored.
    private(set) var pieces: [Int: [WeightRecipe.StoredRange]] = [:]

    /// - Parameter placed: where the graph runs; experts on devices that keep all of them are left out. nil: all are included.
    init(_ graph: Graph, of model: ModelGraph, on placed: PlacedGraph? = nil) throws {
        let deviceOfNode = placed?.plan.deviceOfNode
        let bindings = try model.bindings(of: graph)
        var users: [Int: Int] = [:]
        for node in graph.nodes { for case .weight(let weight) in node.inputs { users[weight, default: 0] += 1 } }
        let contract = try OpCatalogue.installed().contract(for: Op.experts)
        for (number, node) in graph.nodes.enumerated() where node.op == Op.experts {
            if let deviceOfNode, deviceOfNode[number] != placed?.streamingDevice { continue }
            let weights = try ["gate", "up", "down"].compactMap { try node.weight($0, contract) }
            guard weights.count == 3, let experts = graph.weights[weights[0]].dims.first else { continue }
            var chosen = 1
            if let value = try node.value("indices", contract), case .fixed(let count)? = graph.values[value].dims.last { chosen = count }
            let found = weights.map { users[$0] == 1 ? bindings[$0].pieces() : nil }
            let isStreamable = found.allSatisfy { $0?.count == experts }
            if isStreamable { for (weight, ranges) in zip(weights, found) { pieces[weight] = ranges } }
            layers.append(Layer(label: node.label, weights: weights, experts: experts, chosen: chosen, isStreamable: isStreamable))
        }
    }
    /// Says what of a limit on experts has no effect.
    func warn(_ graph: Graph, _ log: LogSink) {
        guard graph.nodes.contains(where: { $0.op == Op.experts }) else {
            return log.write(.warning, "the limit on expert memory has no effect: the model has no experts")
        }
        guard !layers.isEmpty else {
            return log.write(
                .warning, "the limit on expert memory has no effect: the backend that runs the experts keeps all of them in memory")
        }
        let fixed = layers.filter { !$0.isStreamable }
        guard let first = fixed.first else { return }
        log.write(
            .warning,
            "the experts of \(fixed.count) of \(layers.count) layers stay in memory, whatever the limit on expert memory says: those of \(first.label) are not stored one by one"
        )
    }
}
