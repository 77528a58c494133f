import CHadalPlugin
import HadalCore
import HadalGraph

extension ConformanceTrial {
    /// What one run left behind.
    public struct Outcome: Sendable {
        /// Bytes of each of `segment.graph.outputs`.
        public var outputs: [[UInt8]]
        /// Bytes of each state after the step.
        public var states: [[UInt8]]
        /// Operands whose guard bytes, or whose own bytes though they are inputs, were written to.
        public var overwritten: [String]
        /// Nodes reported to the trace.
        public var traced: [Int]
    }

    /// Outputs as numbers.
    public func numbers(_ outcome: Outcome) -> [[Double]] {
        zip(segment.graph.outputs, outcome.outputs).map { PlainElement.decode(segment.graph.values[$0].dtype, $1) }
    }

    /// Compiles nothing: runs one step of `executable`, which was compiled from `segment` on `device`.
    ///
    /// - Parameter cancelled: the step's cancel flag is set before it starts.
    public func run(_ executable: any Executable, on device: any Device, trace: Bool = false, cancelled: Bool = false) throws -> Outcome {
        let graph = segment.graph
        let inputs = try self.inputs.map { try GuardedMemory($0, on: device) }
        let outputs = try graph.outputs.map { try GuardedMemory(PlainElement.poison(bytes(of: graph.values[$0])), on: device) }
        let states = try self.states.map { try GuardedMemory($0, on: device) }
        var entries = sequences.map { sequence in
            hadal_sequence(
                first_token: UInt32(clamping: sequence.first), token_count: UInt32(clamping: sequence.count),
                past: UInt32(clamping: sequence.past), planned_length: UInt32(clamping: sequence.plannedLength),
                first_page: UInt32(clamping: sequence.firstPage), page_count: UInt32(clamping: sequence.pageCount))
        }
        // An empty step still has something to point at.
        if entries.isEmpty { entries.append(hadal_sequence()) }
        let pages = self.pages.isEmpty ? [0] : self.pages
        let events = TraceEvents()
        var flag: UInt32 = cancelled ? 1 : 0

        try entries.withUnsafeBufferPointer { entries in
            try pages.withUnsafeBufferPointer { pages in
                var step = hadal_step()
                step.size = UInt32(MemoryLayout<hadal_step>.size)
                step.tokens = UInt32(clamping: tokens)
                step.sequence_count = UInt32(clamping: sequences.count)
                step.rows = UInt32(clamping: rows)
                step.sequences = entries.baseAddress
                step.pages = pages.baseAddress
                step.sequence_stride = UInt32(MemoryLayout<hadal_sequence>.stride)
                step.page_list_count = UInt32(clamping: self.pages.count)
                try inputs.map(\.binding).withUnsafeBufferPointer { inputs in
                    try outputs.map(\.binding).withUnsafeBufferPointer { outputs in
                        try states.map(\.binding).withUnsafeBufferPointer { states in
                            try executable.execute(
                                Execution(
                                    inputs: inputs, outputs: outputs, states: states, step: &step,
                                    trace: trace ? { TraceEvents.append($0, $1) } : nil,
                                    traceContext: trace ? Unmanaged.passUnretained(events).toOpaque() : nil, cancel: &flag))
                        }
                    }
                }
            }
        }
        var outcome = Outcome(outputs: [], states: [], overwritten: [], traced: events.nodes)
        func name(_ value: Int) -> String { graph.values[value].name }
        for (index, memory) in inputs.enumerated() {
            let (content, intact) = try memory.read()
            if !intact { outcome.overwritten.append("bytes around input '\(name(graph.inputs[index]))'") }
            if content != self.inputs[index] { outcome.overwritten.append("input '\(name(graph.inputs[index]))'") }
        }
        for (index, memory) in outputs.enumerated() {
            let (content, intact) = try memory.read()
            if !intact { outcome.overwritten.append("bytes around output '\(name(graph.outputs[index]))'") }
            outcome.outputs.append(content)
        }
        for (index, memory) in states.enumerated() {
            let (content, intact) = try memory.read()
            if !intact { outcome.overwritten.append("bytes around state '\(graph.states[index].name)'") }
            outcome.states.append(content)
        }
        return outcome
    }

    /// Compiles the segment and runs its step once.
    public func run(on device: any Device) throws -> Outcome {
        try run(device.compile(segment), on: device)
    }
}

/// Collects what a device reports while it runs a step.
private final class TraceEvents {
    var nodes: [Int] = []

    static func append(_ context: UnsafeMutableRawPointer?, _ event: UnsafePointer<hadal_trace_event>?) {
        guard let context, let event else { return }
        Unmanaged<TraceEvents>.fromOpaque(context).takeUnretainedValue().nodes.append(Int(event.pointee.node))
    }
}
