package import CHadalPlugin
import HadalCore
package import HadalGraph

/// A whole model, compiled on one or more devices, with the buffers between them: planned once, run many times.
///
/// Devices without memory of their own compute on the host's, where values that enter, leave or cross devices lie at their upper bounds;
/// a device with memory of its own has copies of those that it uses, made as the plan says. `run` allocates nothing.
/// Thread safety: one `run` at a time; inputs and outputs belong to the caller between runs.
package final class Program: @unchecked Sendable {
    /// One compiled part with its bindings laid out ready to pass.
    private final class Stage {
        let executable: any Executable
        let inputs: UnsafeMutableBufferPointer<hadal_binding>
        let outputs: UnsafeMutableBufferPointer<hadal_binding>
        let states: UnsafeMutableBufferPointer<hadal_binding>
        /// Copies to make before the part runs, and after.
        var uploads: [Copy] = []
        var downloads: [Copy] = []
        let firstNode: Int
        let ops: Set<String>

        init(executable: any Executable, subSegment: Segment.SubSegment, firstNode: Int) {
            self.executable = executable
            self.firstNode = firstNode
            ops = Set(subSegment.segment.graph.nodes.map(\.op))
            inputs = .allocate(capacity: subSegment.inputs.count)
            outputs = .allocate(capacity: subSegment.outputs.count)
            states = .allocate(capacity: subSegment.states.count)
        }
        deinit {
            inputs.deallocate()
            outputs.deallocate()
            states.deallocate()
        }
    }

    /// A transfer with both its ends.
    private struct Copy {
        var value: Graph.Value
        var host: UnsafeMutableRawPointer
        var buffer: any Buffer
    }

    package let plan: ExecutionPlan
    package let graph: Graph
    package let bounds: Segment.Bounds
    package let pageTokens: Int
    /// Pages in the buffer of every state with a row for each token.
    package let pageCount: Int
    /// Slots in that of every state of fixed size.
    package let slotCount: Int
    package private(set) var info = ExecutableInfo(keepsWeights: false)
    /// Weights, as the graph numbers them, whose bytes some part goes on reading.
    package private(set) var keptWeights: Set<Int> = []
    /// Copies made since the program was compiled, and their bytes.
    package private(set) var copiesMade = 0
    package private(set) var bytesCopied = 0
    private var stages: [Stage] = []
    private var memory: ExchangeMemory
    private var stateBuffers: [any Buffer] = []
    /// Of a page, or of a slot.
    private let stateBytes: [Int]
    /// States with a row for each token, and those of fixed size, as the graph numbers them.
    package let pagedStates: [Int]
    package let fixedStates: [Int]

    /// Compiles every part and allocates the state.
    ///
    /// - Parameters:
    ///   - segment: the whole model with its weights.
    ///   - devices: as named in the plan.
    ///   - pageCount: pages to allocate for each state with a row for each token.
    ///   - slotCount: slots to allocate for each state of fixed size.
    ///   - progress: called after each part is compiled with the bytes of its weights that no part before it has. What it throws ends the compiling.
    package init(
        plan: ExecutionPlan, segment: Segment, devices: [any Device], pageCount: Int, slotCount: Int = 0,
        progress: ((_ bytes: Int) throws -> Void)? = nil
    ) throws {
        self.plan = plan
        graph = segment.graph
        bounds = segment.bounds
        pageTokens = segment.pageTokens
        self.pageCount = pageCount
        self.slotCount = slotCount
        pagedStates = segment.graph.states.indices.filter { !segment.graph.states[$0].isFixed }
        fixedStates = segment.graph.states.indices.filter { segment.graph.states[$0].isFixed }
        stateBytes = segment.graph.states.map { segment.pageBytes(of: $0) }

        let subSegments = plan.parts.map { segment.part($0.nodes) }
        memory = try ExchangeMemory(plan, segment.graph, bounds: segment.bounds, boundaries: subSegments.map { $0.inputs + $0.outputs })
        for (device, bytes) in try Self.states(of: segment, plan, pageCount: pageCount, slotCount: slotCount) {
            stateBuffers.append(try (plan.ownsMemory[device] ? devices[device].allocate(bytes: bytes) : nil) ?? HostBuffer(bytes: bytes))
        }
        try memory.allocate(devices, names: plan.devices)
        var compiled: Set<Int> = []
        for (index, part) in plan.parts.enumerated() {
            let subSegment = subSegments[index]
            let executable = try devices[part.device].compile(subSegment.segment)
            let stage = Stage(executable: executable, subSegment: subSegment, firstNode: part.nodes.lowerBound)
            for (k, value) in subSegment.inputs.enumerated() { stage.inputs.initializeElement(at: k, to: try bind(value, part.device)) }
            for (k, value) in subSegment.outputs.enumerated() { stage.outputs.initializeElement(at: k, to: try bind(value, part.device)) }
            for (k, state) in subSegment.states.enumerated() {
                stage.states.initializeElement(at: k, to: Self.binding(stateBuffers[state], bytes: stateBuffers[state].bytes))
            }
            stages.append(stage)
            let partInfo = executable.info
            info.keepsWeights = info.keepsWeights || partInfo.keepsWeights
            if partInfo.keepsWeights { keptWeights.formUnion(subSegment.weights) }
            info.weightBytes += partInfo.weightBytes
            info.scratchBytes += partInfo.scratchBytes
            info.barriersPerStep += partInfo.barriersPerStep
            try progress?(subSegment.weights.reduce(0) { compiled.insert($1).inserted ? $0 + segment.graph.weights[$1].bytes : $0 })
        }
        for transfer in plan.transfers {
            guard let host = memory.host(transfer.value), let buffer = memory.device(transfer.value, on: transfer.device) else {
                throw HadalError(.backend, "value '\(graph.values[transfer.value].name)' has no memory to be copied between")
            }
            let copy = Copy(value: graph.values[transfer.value], host: host.pointer, buffer: buffer)
            switch transfer.direction {
            case .upload: stages[transfer.part].uploads.append(copy)
            case .download: stages[transfer.part].downloads.append(copy)
            }
        }
    }

    /// The device of each state, and its bytes there.
    private static func states(
        of segment: Segment, _ plan: ExecutionPlan, pageCount: Int, slotCount: Int
    ) throws -> [(device: Int, bytes: Int)] {
        try zip(segment.graph.states, plan.deviceOfState(in: segment.graph)).map { state, device in
            let count = state.isFixed ? slotCount : pageCount
            let (bytes, overflow) = segment.pageBytes(of: state).multipliedReportingOverflow(by: count)
            guard !overflow else {
                throw HadalError(
                    .outOfMemory, "\(state.isFixed ? "states in \(count) slots are" : "a cache of \(count) pages is") too large")
            }
            return (device, bytes)
        }
    }

    /// Whether the host's memory for a program can be addressed: reserves what `init` would for states and values, and gives it back.
    ///
    /// - Parameter segment: the whole model; weights may lack data.
    /// - Throws: `outOfMemory`.
    package static func checkHostMemory(for segment: Segment, plan: ExecutionPlan, pageCount: Int, slotCount: Int = 0) throws {
        let states = try states(of: segment, plan, pageCount: pageCount, slotCount: slotCount).filter { !plan.ownsMemory[$0.device] }.map {
            try HostBuffer(bytes: $0.bytes)
        }
        let boundaries = plan.parts.map { segment.part($0.nodes) }.map { $0.inputs + $0.outputs }
        var memory = try ExchangeMemory(plan, segment.graph, bounds: segment.bounds, boundaries: boundaries)
        try withExtendedLifetime(states) { try memory.allocateHost() }
    }

    /// Bytes that a device with memory of its own holds of values that are copied or that stay between its parts, as `ExecutionPlan.exchangeBytes`.
    package func exchangeBytes(on device: Int) -> Int { plan.ownsMemory[device] ? memory.bytes(on: device) : 0 }

    private func bind(_ value: Int, _ device: Int) throws -> hadal_binding {
        let buffer: (any Buffer)? = plan.ownsMemory[device] ? memory.device(value, on: device) : memory.host(value)
        guard let buffer else { throw HadalError(.backend, "value '\(graph.values[value].name)' has no memory on \(plan.devices[device])") }
        return Self.binding(buffer, bytes: graph.values[value].bytes(tokens: bounds.tokens, sequences: bounds.sequences, rows: bounds.rows))
    }

    private static func binding(_ buffer: any Buffer, bytes: Int) -> hadal_binding {
        if let host = buffer as? HostBuffer {
            return hadal_binding(buffer: nil, host: host.pointer, offset: 0, bytes: UInt64(bytes))
        }
        return hadal_binding(buffer: buffer.handle, host: nil, offset: 0, bytes: UInt64(bytes))
    }

    /// Host memory of a graph input or output. Row-major at the extents of the last or next step.
    ///
    /// - Throws: `invalidArgument` for a value that is neither.
    package func pointer<Element>(to value: Int, as type: Element.Type) throws -> UnsafeMutablePointer<Element> {
        guard graph.inputs.contains(value) || graph.outputs.contains(value), let buffer = memory.host(value) else {
            throw HadalError(.invalidArgument, "value '\(graph.values[value].name)' is neither an input nor an output")
        }
        return buffer.pointer.assumingMemoryBound(to: type)
    }

    /// Runs one step. Inputs must be filled in; afterwards outputs can be read.
    ///
    /// - Throws: `HadalError.cancelled` when `cancel` was set, or what the backend reports.
    package func run(_ step: UnsafePointer<hadal_step>, cancel: UnsafePointer<UInt32>? = nil, trace: TraceSink? = nil) throws {
        for stage in stages {
            for copy in stage.uploads {
                let bytes = count(copy, step.pointee)
                try copy.buffer.write(offset: 0, from: UnsafeRawBufferPointer(start: copy.host, count: bytes))
            }
            var execution = Execution(
                inputs: UnsafeBufferPointer(stage.inputs), outputs: UnsafeBufferPointer(stage.outputs),
                states: UnsafeBufferPointer(stage.states), step: step, cancel: cancel)
            if let trace {
                trace.firstNode = stage.firstNode
                execution.trace = TraceSink.receive
                execution.traceContext = Unmanaged.passUnretained(trace).toOpaque()
            }
            try stage.executable.execute(execution)
            for copy in stage.downloads {
                let bytes = count(copy, step.pointee)
                try copy.buffer.read(offset: 0, into: UnsafeMutableRawBufferPointer(start: copy.host, count: bytes))
            }
        }
    }

    /// Has every part that has nodes of `op` and runs on `device` (as the plan numbers them; nil: on any) use the kernel in `directory/op` from
    /// the next run on. Between two runs.
    ///
    /// - Returns: how many parts took it.
    /// - Throws: what the first part that refuses says. Parts before it have the new kernel then, the others the old one.
    @discardableResult
    package func replaceKernel(op: String, from directory: String, onDevice device: Int? = nil) throws -> Int {
        var taken = 0
        for (stage, part) in zip(stages, plan.parts) where stage.ops.contains(op) && device ?? part.device == part.device {
            try stage.executable.replaceKernel(op: op, from: directory)
            taken += 1
        }
        return taken
    }

    /// Bytes that a copy moves in a step.
    private func count(_ copy: Copy, _ step: hadal_step) -> Int {
        let bytes = copy.value.bytes(tokens: Int(step.tokens), sequences: Int(step.sequence_count), rows: Int(step.rows))
        copiesMade += 1
        bytesCopied += bytes
        return bytes
    }

    /// What the parts have read from disk since they were compiled; nil when all weights are in memory. Between two runs.
    package var expertStatistics: ExpertStatistics? {
        let all = stages.compactMap(\.executable.expertStatistics)
        guard var sum = all.first else { return nil }
        for other in all.dropFirst() { sum += other }
        return sum
    }
}

// State access, in pages and slots. Layout of a page: [head][token][width], of a slot: [head][row][width].
extension Program {
    /// Copies one page of every state with a row for each token.
    package func copyPage(from source: Int, to destination: Int) throws {
        for state in pagedStates {
            let (buffer, bytes) = (stateBuffers[state], stateBytes[state])
            try buffer.copy(from: buffer, sourceOffset: source * bytes, to: destination * bytes, bytes: bytes)
        }
    }

    /// Reads one page or slot of one state.
    package func readPage(_ page: Int, state: Int, into destination: UnsafeMutableRawBufferPointer) throws {
        try stateBuffers[state].read(offset: page * stateBytes[state], into: destination)
    }

    package func writePage(_ page: Int, state: Int, from source: UnsafeRawBufferPointer) throws {
        try stateBuffers[state].write(offset: page * stateBytes[state], from: source)
    }

    /// Bytes of one page or slot of a state.
    package func pageBytes(state: Int) -> Int { stateBytes[state] }

    /// Bytes of one slot of all states of fixed size.
    package var slotBytes: Int { fixedStates.reduce(0) { $0 + stateBytes[$1] } }
}
