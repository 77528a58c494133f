package import HadalArchitecture
import HadalBackend
import HadalCore
package import HadalGraph

/// The graph that an engine runs: a model's main graph with its ports, and among its outputs the values that the options ask for.
package struct RunGraph: Sendable {
    package let description: ModelDescription
    package let graph: Graph
    let ports: StepRunner.Ports
    /// Values besides the plain logits that the engine was asked to give, by name; `[T, width]` F32.
    let observed: [(name: String, value: Int)]
    /// Rows of the table of token types; 0 for a graph that reads none.
    let tokenTypeCount: Int
    /// What feeds the prediction head, `[T, width]` F32, when there is to be one.
    let predictionSource: (value: Int, width: Int)?
    /// Lengths past which every key must be rotated again.
    let ropeSwitches: [Int]

    package var vocabularySize: Int { description.graph.vocabularySize }
    package var result: ModelResult { description.graph.result }
    /// Elements of a row of the result.
    let resultWidth: Int

    /// - Throws: `unsupported` when a prediction head is wanted of a model without one; `malformed` for a graph without its ports.
    init(_ description: ModelDescription, _ options: EngineOptions) throws {
        self.description = description
        var graph = description.graph.main
        ports = try StepRunner.Ports(of: graph, architecture: description.graph.architecture)
        let logits = ports.logits
        guard case .fixed(let width)? = graph.values[logits].dims.last else {
            throw HadalError(.malformed, "the result of \(description.graph.architecture) has no fixed width")
        }
        resultWidth = width
        tokenTypeCount = ports.tokenTypes.map { graph.rowsOfTable(for: $0) } ?? 0

        var observed: [(String, Int)] = options.observe == .none || description.graph.result != .logits ? [] : [("logits", logits)]
        switch options.observe {
        case .none, .allLogits: break
        case .hidden:
            observed += (description.graph.hidden["main"] ?? [:]).sorted { $0.value < $1.value }.map { ($0.key, $0.value) }
        case .everything:
            for (index, node) in graph.nodes.enumerated() {
                for (k, value) in node.outputs.enumerated() where graph.values[value].dtype == .f32 && value != logits {
                    observed.append((NamedTensor.name(node: index, output: k), value))
                }
            }
        }
        for (_, value) in observed where !graph.outputs.contains(value) { graph.outputs.append(value) }
        // What is not compared is there to be saved: the inputs of a node that differs.
        if options.observe == .everything {
            for value in Set(graph.nodes.flatMap(\.outputs)).subtracting(graph.outputs).sorted() { graph.outputs.append(value) }
        }
        predictionSource = try options.usesPredictionHead ? PredictionPlan.source(in: description) : nil
        if let value = predictionSource?.value, !graph.outputs.contains(value) { graph.outputs.append(value) }
        self.observed = observed
        ropeSwitches = Array(Set(graph.nodes.filter { $0.op == Op.rope }.map { $0.int("switch_length") }.filter { $0 > 0 })).sorted()
        self.graph = graph
    }
}

extension Graph {
    /// Rows of the smallest table that the entries of a value name rows of; 0: there is none.
    fileprivate func rowsOfTable(for value: Int) -> Int {
        let tables = nodes.filter { $0.op == Op.embedding && $0.inputs.contains(.value(value)) }.flatMap(\.inputs)
        return tables.compactMap { if case .weight(let index) = $0 { weights[index].dims.first } else { nil } }.min() ?? 0
    }
}
