import CHadalPlugin
import HadalCore
import HadalGraph

/// A whole model, compiled on one or more devices, with the buffers between them: planned once, run many times.
///
/// Values that enter, leave or cross devices live in host memory at their upper bounds. `run` allocates nothing.
/// Thread safety: one `run` at a time; inputs and outputs belong to the caller between runs.
public final class Program: @unchecked Sendable {
    /// One compiled part with its bindings laid out ready to pass.
    private final class Stage {
        let executable: any Executable
        let inputs: UnsafeMutableBufferPointer<hadal_binding>
        let outputs: UnsafeMutableBufferPointer<hadal_binding>
        let states: UnsafeMutableBufferPointer<hadal_binding>
        /// Device buffers to fill from host memory before the part runs, and to read back after.
        var uploads: [(value: Int, buffer: any Buffer)] = []
        var downloads: [(value: Int, buffer: any Buffer)] = []
        let firstNode: Int
        let ops: Set<String>

        init(executable: any Executable, extract: Segment.Extract, firstNode: Int) {
            self.executable = executable
            self.firstNode = firstNode
            ops = Set(extract.segment.graph.nodes.map(\.op))
            inputs = .allocate(capacity: extract.inputs.count)
            outputs = .allocate(capacity: extract.outputs.count)
            states = .allocate(capacity: extract.states.count)
        }
        deinit {
            inputs.deallocate()
            outputs.deallocate()
            states.deallocate()
        }
    }

    public let plan: ExecutionPlan
    public let graph: Graph
    public let bounds: Segment.Bounds
    public let pageTokens: Int
    /// Pages in every state buffer.
    public let pageCount: Int
    public private(set) var info = ExecutableInfo(keepsWeights: false)
    private var stages: [Stage] = []
    private var hostValues: [HostBuffer?]
    private var stateBuffers: [any Buffer] = []
    private let stateBytes: [Int]

    /// Compiles every part and allocates the state.
    ///
    /// - Parameters:
    ///   - segment: the whole model with its weights.
    ///   - devices: as named in the plan.
    ///   - pageCount: pages to allocate for each state.
    public init(plan: ExecutionPlan, segment: Segment, devices: [any Device], pageCount: Int) throws {
        self.plan = plan
        graph = segment.graph
        bounds = segment.bounds
        pageTokens = segment.pageTokens
        self.pageCount = pageCount
        stateBytes = segment.graph.states.map { segment.pageBytes(of: $0) }
        hostValues = Array(repeating: nil, count: segment.graph.values.count)

        var stateDevice = Array(repeating: 0, count: segment.graph.states.count)
        for part in plan.parts {
            for node in segment.graph.nodes[part.nodes] { for s in node.states { stateDevice[s] = part.device } }
        }
        for (i, bytes) in stateBytes.enumerated() {
            let (total, overflow) = bytes.multipliedReportingOverflow(by: pageCount)
            guard !overflow else { throw HadalError(.outOfMemory, "a cache of \(pageCount) pages is too large") }
            stateBuffers.append(try devices[stateDevice[i]].allocate(bytes: total) ?? HostBuffer(bytes: total))
        }
        for part in plan.parts {
            let extract = segment.part(part.nodes)
            let device = devices[part.device]
            let executable = try device.compile(extract.segment)
            let stage = Stage(executable: executable, extract: extract, firstNode: part.nodes.lowerBound)
            for (k, value) in extract.inputs.enumerated() {
                stage.inputs.initializeElement(at: k, to: try bind(value, on: device) { stage.uploads.append((value, $0)) })
            }
            for (k, value) in extract.outputs.enumerated() {
                stage.outputs.initializeElement(at: k, to: try bind(value, on: device) { stage.downloads.append((value, $0)) })
            }
            for (k, state) in extract.states.enumerated() {
                stage.states.initializeElement(at: k, to: Self.binding(stateBuffers[state]))
            }
            stages.append(stage)
            let partInfo = executable.info
            info.keepsWeights = info.keepsWeights || partInfo.keepsWeights
            info.weightBytes += partInfo.weightBytes
            info.scratchBytes += partInfo.scratchBytes
            info.barriersPerStep += partInfo.barriersPerStep
        }
        for value in graph.inputs + graph.outputs { _ = try hostBuffer(value) }
    }

    private func hostBuffer(_ value: Int) throws -> HostBuffer {
        if let buffer = hostValues[value] { return buffer }
        let buffer = try HostBuffer(bytes: try upperBytes(of: value))
        hostValues[value] = buffer
        return buffer
    }

    private func upperBytes(of value: Int) throws -> Int {
        let type = graph.values[value]
        var elements = 1
        for dim in type.dims {
            let extent: Int
            switch dim {
            case .fixed(let n): extent = n
            case .symbol(let s): extent = bounds[s]
            }
            let (product, overflow) = elements.multipliedReportingOverflow(by: extent)
            guard !overflow else { throw HadalError(.outOfMemory, "value '\(type.name)' is too large") }
            elements = product
        }
        guard let bytes = type.dtype.byteCount(elements: elements) else {
            throw HadalError(.outOfMemory, "value '\(type.name)' is too large")
        }
        return bytes
    }

    private func bind(_ value: Int, on device: any Device, _ transfer: (any Buffer) -> Void) throws -> hadal_binding {
        let host = try hostBuffer(value)
        guard let buffer = try device.allocate(bytes: host.bytes) else { return Self.binding(host) }
        transfer(buffer)
        return Self.binding(buffer)
    }

    private static func binding(_ buffer: any Buffer) -> hadal_binding {
        if let host = buffer as? HostBuffer {
            return hadal_binding(buffer: nil, host: host.pointer, offset: 0, bytes: UInt64(host.bytes))
        }
        return hadal_binding(buffer: buffer.handle, host: nil, offset: 0, bytes: UInt64(buffer.bytes))
    }

    /// Host memory of a graph input or output. Row-major at the extents of the last or next step.
    ///
    /// - Throws: `invalidArgument` for a value that is neither.
    public func pointer<Element>(to value: Int, as type: Element.Type) throws -> UnsafeMutablePointer<Element> {
        guard let buffer = hostValues[value] else {
            throw HadalError(.invalidArgument, "value '\(graph.values[value].name)' is neither an input nor an output")
        }
        return buffer.pointer.assumingMemoryBound(to: type)
    }

    /// Runs one step. Inputs must be filled in; afterwards outputs can be read.
    ///
    /// - Throws: `HadalError.cancelled` when `cancel` was set, or what the backend reports.
    public func run(_ step: UnsafePointer<hadal_step>, cancel: UnsafePointer<UInt32>? = nil, trace: TraceSink? = nil) throws {
        for stage in stages {
            for (value, buffer) in stage.uploads {
                let bytes = liveBytes(of: value, step.pointee)
                guard let host = hostValues[value] else { continue }
                try buffer.write(offset: 0, from: UnsafeRawBufferPointer(start: host.pointer, count: bytes))
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
            for (value, buffer) in stage.downloads {
                let bytes = liveBytes(of: value, step.pointee)
                guard let host = hostValues[value] else { continue }
                try buffer.read(offset: 0, into: UnsafeMutableRawBufferPointer(start: host.pointer, count: bytes))
            }
        }
    }

    /// Has every part that has nodes of `op` and runs on `device` (as the plan numbers them; nil: on any) use the kernel in `directory/op` from
    /// the next run on. Between two runs.
    ///
    /// - Returns: how many parts took it.
    /// - Throws: what the first part that refuses says. Parts before it have the new kernel then, the others the old one.
    @discardableResult
    public func replaceKernel(op: String, from directory: String, onDevice device: Int? = nil) throws -> Int {
        var taken = 0
        for (stage, part) in zip(stages, plan.parts) where stage.ops.contains(op) && device ?? part.device == part.device {
            try stage.executable.replaceKernel(op: op, from: directory)
            taken += 1
        }
        return taken
    }

    /// What the parts have read from disk since they were compiled; nil when all weights are in memory. Between two runs.
    public var expertStatistics: ExpertStatistics? {
        let all = stages.compactMap(\.executable.expertStatistics)
        guard var sum = all.first else { return nil }
        for other in all.dropFirst() { sum += other }
        return sum
    }

    private func liveBytes(of value: Int, _ step: hadal_step) -> Int {
        var elements = 1
        for dim in graph.values[value].dims {
            switch dim {
            case .fixed(let n): elements *= n
            case .symbol(.tokens): elements *= Int(step.tokens)
            case .symbol(.sequences): elements *= Int(step.sequence_count)
            case .symbol(.rows): elements *= Int(step.rows)
            }
        }
        return graph.values[value].dtype.byteCount(elements: elements) ?? 0
    }
}

// State access, in pages. Layout of a page: [head][token][width].
extension Program {
    /// Copies one page of every state.
    public func copyPage(from source: Int, to destination: Int) throws {
        for (i, buffer) in stateBuffers.enumerated() {
            let bytes = stateBytes[i]
            try buffer.copy(from: buffer, sourceOffset: source * bytes, to: destination * bytes, bytes: bytes)
        }
    }

    /// Reads one page of one state.
    public func readPage(_ page: Int, state: Int, into destination: UnsafeMutableRawBufferPointer) throws {
        try stateBuffers[state].read(offset: page * stateBytes[state], into: destination)
    }

    public func writePage(_ page: Int, state: Int, from source: UnsafeRawBufferPointer) throws {
        try stateBuffers[state].write(offset: page * stateBytes[state], from: source)
    }

    /// Bytes of one page of a state.
    public func pageBytes(state: Int) -> Int { stateBytes[state] }
}
