import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph
import Synchronization

/// A Swift backend that multiplies by a node's factor and by an option, and remembers what it was given.
final class SampleBackend: Backend {
    let name: String
    let version = "2.5"
    let summary = "multiplies"
    let capabilities: BackendCapabilities = [.symbolicDims, .multiNode, .trace, .state, .multiSequence, .blockScales, .liveKernels]
    let options = [
        OptionSpec(name: "gain", kind: .float, defaultValue: .float(1), minimum: 0, maximum: 10, help: "multiplies too"),
        OptionSpec(name: "steps", kind: .int, defaultValue: .int(3), minimum: 1, help: "a count"),
        OptionSpec(name: "mode", kind: .string, defaultValue: .string("a"), choices: ["a", "b"], help: "a choice"),
        OptionSpec(name: "on", kind: .bool, defaultValue: .bool(true), help: "a switch"),
    ]
    let ownsMemory: Bool
    let received = Mutex<[Segment]>([])
    let opened = Mutex<[String: OptionValue]>([:])
    let alive = Mutex(0)
    let replaced = Mutex<[String]>([])

    init(name: String = "sample", ownsMemory: Bool = false) {
        self.name = name
        self.ownsMemory = ownsMemory
    }

    func devices() throws -> [DeviceInfo] {
        if name == "failing" { throw HadalError(.io, "the bus is gone") }
        var first = DeviceInfo(kind: .gpu, id: "0000:01:00.0", name: "Größe", driver: "driver 1.2")
        first.features = ["avx2", "coop"]
        first.heaps = [
            .init(bytesTotal: 10, bytesFree: 4, hostVisible: true, deviceLocal: false),
            .init(bytesTotal: 7, bytesFree: 7, hostVisible: false, deviceLocal: true),
        ]
        first.subgroupSizes = 8...32
        first.dtypes = [.f32, .q4_K, .f8_e4m3]
        first.importAlignment = 16
        first.bufferRangeLimit = 1 << 27
        return [first, DeviceInfo(kind: .software, id: "soft", name: "soft")]
    }

    func open(device index: Int, options: [String: OptionValue], log: LogSink) throws -> any Device {
        opened.withLock { $0 = options }
        log.write(.warning, "hello from \(index)")
        var gain: Float = 1
        if case .float(let d) = options["gain"] { gain = Float(d) }
        return SampleDevice(self, info: try devices()[index], gain: gain)
    }
}

final class SampleDevice: Device, @unchecked Sendable {
    let backend: SampleBackend
    let info: DeviceInfo
    let gain: Float

    init(_ backend: SampleBackend, info: DeviceInfo, gain: Float) {
        self.backend = backend
        self.info = info
        self.gain = gain
        backend.alive.withLock { $0 += 1 }
    }

    deinit { backend.alive.withLock { $0 -= 1 } }

    func unsupported(node: Int, of segment: Segment) -> String? {
        segment.graph.nodes[node].op == "scale" ? nil : "nur „scale“, " + String(repeating: "ß", count: 600)
    }

    func compile(_ segment: Segment) throws -> any Executable {
        backend.received.withLock { $0.append(segment) }
        if segment.graph.name == "too large" { throw HadalError(.outOfMemory, "no room", hint: "use less") }
        return try SampleExecutable(self, segment)
    }

    func allocate(bytes: Int) throws -> (any Buffer)? {
        if bytes > 1 << 30 { throw HadalError(.outOfMemory, "no room") }
        return backend.ownsMemory ? try SampleBuffer(backend, bytes: bytes) : nil
    }

    func importMemory(_ memory: UnsafeMutableRawBufferPointer) throws -> (any Buffer)? {
        let buffer = try SampleBuffer(backend, bytes: memory.count)
        try buffer.write(offset: 0, from: UnsafeRawBufferPointer(memory))
        return buffer
    }

    func quiesce() {}
}

final class SampleBuffer: Buffer, @unchecked Sendable {
    let backend: SampleBackend
    let memory: HostBuffer

    init(_ backend: SampleBackend, bytes: Int) throws {
        self.backend = backend
        memory = try HostBuffer(bytes: bytes)
        backend.alive.withLock { $0 += 1 }
    }

    deinit { backend.alive.withLock { $0 -= 1 } }

    var bytes: Int { memory.bytes }
    var hostPointer: UnsafeMutableRawPointer? { nil }
    func write(offset: Int, from source: UnsafeRawBufferPointer) throws { try memory.write(offset: offset, from: source) }
    func read(offset: Int, into destination: UnsafeMutableRawBufferPointer) throws { try memory.read(offset: offset, into: destination) }
    func copy(from source: any Buffer, sourceOffset: Int, to offset: Int, bytes: Int) throws {
        guard source is SampleBuffer else { throw HadalError(.invalidArgument, "not mine") }
        try memory.copy(from: source, sourceOffset: sourceOffset, to: offset, bytes: bytes)
    }
    func upload(offset: Int, file: Int32, fileOffset: UInt64, bytes: Int) throws {
        try memory.upload(offset: offset, file: file, fileOffset: fileOffset, bytes: bytes)
    }
}

final class SampleExecutable: Executable, @unchecked Sendable {
    let info = ExecutableInfo(keepsWeights: false, weightBytes: 11, scratchBytes: 22, barriersPerStep: 33)
    let validator: StepValidator
    private let device: SampleDevice
    private let factor: Float
    private let width: Int

    init(_ device: SampleDevice, _ segment: Segment) throws {
        validator = try StepValidator(segment, memory: device.backend.ownsMemory ? .device : .host)
        self.device = device
        factor = segment.graph.nodes.reduce(device.gain) { $0 * Float($1.float("factor")) }
        if case .fixed(let n) = segment.graph.values[0].dims[1] { width = n } else { width = 0 }
        device.backend.alive.withLock { $0 += 1 }
    }

    deinit { device.backend.alive.withLock { $0 -= 1 } }

    private func pointer(_ binding: hadal_binding) -> UnsafeMutablePointer<Float>? {
        var base = binding.host
        if let handle = binding.buffer {
            base = Unmanaged<SampleBuffer>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue().memory.pointer
        }
        return base.map { ($0 + Int(binding.offset)).assumingMemoryBound(to: Float.self) }
    }

    func replaceKernel(op: String, from directory: String) throws {
        guard op == "scale" else { throw HadalError(.notFound, "no kernel of '\(op)'", at: SourcePlace("\(directory)/\(op)")) }
        device.backend.replaced.withLock { $0.append("\(directory)/\(op)") }
    }

    func run(_ step: CheckedStep) throws {
        if step.isCancelled { throw HadalError(.cancelled, "stopped") }
        guard let x = pointer(step.inputs[0]), let y = pointer(step.outputs[0]) else { return }
        let count = step.tokens * width
        for i in 0..<count { y[i] = factor * x[i] }
        if let trace = step.trace {
            // One event a sequence, so that what crossed can be seen.
            for i in 0..<step.sequenceCount {
                var event = hadal_trace_event(
                    size: UInt32(MemoryLayout<hadal_trace_event>.size), node: UInt32(i), start_ns: 0, duration_ns: 0,
                    bytes: UInt64(step.sequence(i).past))
                trace(step.traceContext, &event)
            }
        }
    }
}
