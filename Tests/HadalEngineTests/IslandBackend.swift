import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph
import Synchronization

/// Another backend behind memory of its own: nothing that it is given lies in memory that the host sees, and every copy is counted.
final class IslandBackend: Backend {
    let name: String
    let inner: any Backend
    let ownsMemory = true
    /// Ops that it takes; nil: all that the other one takes.
    let ops: Set<String>?
    let heapBytes: UInt64
    let opened = Mutex(0)
    let counts = Mutex((writes: 0, reads: 0, bytes: 0))

    init(_ name: String, over inner: any Backend, ops: Set<String>? = nil, heapBytes: UInt64 = 1 << 36) {
        self.name = name
        self.inner = inner
        self.ops = ops
        self.heapBytes = heapBytes
    }

    var version: String { inner.version }
    var summary: String { "memory apart from the host's" }
    var capabilities: BackendCapabilities { inner.capabilities.subtracting(.weightPieces) }
    var options: [OptionSpec] { inner.options.filter { $0.name != "expert-memory" } }

    func devices() throws -> [DeviceInfo] {
        try (0..<2).map { index in
            var info = try inner.devices()[0]
            info.kind = .gpu
            info.id = "\(name)\(index)"
            info.heaps = [.init(bytesTotal: heapBytes, bytesFree: heapBytes, hostVisible: false, deviceLocal: true)]
            return info
        }
    }

    func open(device index: Int, options: [String: OptionValue], log: LogSink) throws -> any Device {
        opened.withLock { $0 += 1 }
        return IslandDevice(self, info: try devices()[index], over: try inner.open(device: 0, options: options, log: log))
    }
}

final class IslandDevice: Device, @unchecked Sendable {
    let backend: IslandBackend
    let info: DeviceInfo
    let inner: any Device

    init(_ backend: IslandBackend, info: DeviceInfo, over inner: any Device) {
        self.backend = backend
        self.info = info
        self.inner = inner
    }

    func unsupported(node: Int, of segment: Segment) -> String? {
        let op = segment.graph.nodes[node].op
        if let ops = backend.ops, !ops.contains(op) { return "no kernel for \(op)" }
        return inner.unsupported(node: node, of: segment)
    }
    func compile(_ segment: Segment) throws -> any Executable { try IslandExecutable(self, segment, over: try inner.compile(segment)) }
    func allocate(bytes: Int) throws -> (any Buffer)? { try IslandBuffer(self, bytes: bytes) }
    func heldBytes(of weight: Graph.Weight) -> Int? { inner.heldBytes(of: weight) }
    func quiesce() { inner.quiesce() }
}

final class IslandBuffer: Buffer, @unchecked Sendable {
    let device: IslandDevice
    let memory: HostBuffer
    var bytes: Int { memory.bytes }
    var hostPointer: UnsafeMutableRawPointer? { nil }

    init(_ device: IslandDevice, bytes: Int) throws {
        self.device = device
        memory = try HostBuffer(bytes: bytes)
    }

    func write(offset: Int, from source: UnsafeRawBufferPointer) throws {
        device.backend.counts.withLock { $0 = ($0.writes + 1, $0.reads, $0.bytes + source.count) }
        try memory.write(offset: offset, from: source)
    }
    func read(offset: Int, into destination: UnsafeMutableRawBufferPointer) throws {
        device.backend.counts.withLock { $0 = ($0.writes, $0.reads + 1, $0.bytes + destination.count) }
        try memory.read(offset: offset, into: destination)
    }
    func copy(from source: any Buffer, sourceOffset: Int, to offset: Int, bytes: Int) throws {
        guard let own = source as? IslandBuffer, own.device === device else {
            throw HadalError(.invalidArgument, "a buffer of another device")
        }
        try memory.copy(from: own.memory, sourceOffset: sourceOffset, to: offset, bytes: bytes)
    }
    func upload(offset: Int, file: Int32, fileOffset: UInt64, bytes: Int) throws {
        try memory.upload(offset: offset, file: file, fileOffset: fileOffset, bytes: bytes)
    }
}

final class IslandExecutable: Executable, @unchecked Sendable {
    let device: IslandDevice
    let inner: any Executable
    var info: ExecutableInfo { inner.info }
    /// The other backend checks the step once its memory is known.
    let validator: StepValidator
    private var inputs: [hadal_binding] = []
    private var outputs: [hadal_binding] = []
    private var states: [hadal_binding] = []

    init(_ device: IslandDevice, _ segment: Segment, over inner: any Executable) throws {
        self.device = device
        validator = try StepValidator(passingOn: segment)
        self.inner = inner
    }

    /// The memory behind a binding, which must be a buffer of this very device.
    private func translate(_ binding: hadal_binding) throws -> hadal_binding {
        guard binding.host == nil, let handle = binding.buffer else {
            throw HadalError(.invalidArgument, "\(device.info.id) was given host memory")
        }
        let buffer = Unmanaged<IslandBuffer>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
        guard buffer.device === device, binding.bytes <= UInt64(buffer.bytes) else {
            throw HadalError(.invalidArgument, "a buffer of another device")
        }
        return hadal_binding(buffer: nil, host: buffer.memory.pointer, offset: binding.offset, bytes: binding.bytes)
    }

    func run(_ step: CheckedStep) throws {
        inputs = try step.inputs.map(translate)
        outputs = try step.outputs.map(translate)
        states = try step.states.map(translate)
        try inputs.withUnsafeBufferPointer { inputs in
            try outputs.withUnsafeBufferPointer { outputs in
                try states.withUnsafeBufferPointer { states in
                    try inner.execute(
                        Execution(
                            inputs: inputs, outputs: outputs, states: states, step: step.raw, trace: step.trace,
                            traceContext: step.traceContext, cancel: step.cancel))
                }
            }
        }
    }

    var expertStatistics: ExpertStatistics? { inner.expertStatistics }
}
