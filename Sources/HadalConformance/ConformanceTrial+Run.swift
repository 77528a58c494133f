package import HadalBackend
import HadalCore
import HadalGraph

extension ConformanceTrial {
    /// What one run left behind.
    package struct Outcome: Sendable {
        /// Bytes of each of `segment.graph.outputs`.
        package var outputs: [[UInt8]]
        /// Bytes of each state after the step.
        package var states: [[UInt8]]
        /// What was written to that is not the op's to write: guard bytes, and inputs.
        package var overwritten: [String]
        /// Nodes reported to the trace.
        package var traced: [Int]
    }

    /// Outputs as numbers.
    package func numbers(_ outcome: Outcome) -> [[Double]] {
        zip(segment.graph.outputs, outcome.outputs).map { PlainElement.decode(segment.graph.values[$0].dtype, $1) }
    }

    /// Compiles nothing: runs one step of `executable`, which was compiled from `segment` on `device`.
    ///
    /// - Parameter cancelled: the step's cancel flag is set before it starts.
    package func run(_ executable: any Executable, on device: any Device, trace: Bool = false, cancelled: Bool = false) throws -> Outcome {
        try run(executable, on: device, .first, trace: trace, cancelled: cancelled)
    }

    /// - Parameter surroundings: what lies where nothing may be read.
    func run(
        _ executable: any Executable, on device: any Device, _ surroundings: Surroundings, trace: Bool = false, cancelled: Bool = false
    ) throws -> Outcome {
        let bound = try BoundTrial(self, on: device, surroundings)
        let sink = trace ? TraceSink() : nil
        try bound.execute(executable, trace: sink, cancelled: cancelled)
        return try bound.outcome(traced: sink?.events.map(\.node) ?? [])
    }

    /// Compiles the segment and runs its step once.
    package func run(on device: any Device) throws -> Outcome {
        try run(device.compile(segment), on: device)
    }

    /// Shape and type of every operand in this step: "x f32[5, 64], weight q4_0[7, 64] -> y f32[5, 7]".
    package var operandText: String {
        let graph = segment.graph
        func text(_ value: Graph.Value) -> String { "\(value.name) \(value.dtype.name)\(value.dims.map { extent($0) })" }
        var inputs: [String] = []
        for operand in graph.nodes.flatMap(\.inputs) {
            switch operand {
            case .none: break
            case .value(let index): inputs.append(text(graph.values[index]))
            case .weight(let index):
                inputs.append("\(graph.weights[index].name) \(graph.weights[index].dtype.name)\(graph.weights[index].dims)")
            }
        }
        var line = inputs.joined(separator: ", ") + " -> " + graph.outputs.map { text(graph.values[$0]) }.joined(separator: ", ")
        if !graph.states.isEmpty {
            let steps = sequences.map { "\($0.past)+\($0.count)" }.joined(separator: ",")
            line += "; caches \(segment.stateDType.name), pages of \(segment.pageTokens) tokens, step \(steps)"
        }
        return line
    }
}
