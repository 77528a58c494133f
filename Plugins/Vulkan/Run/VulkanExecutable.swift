import CHadalPlugin
import CVulkan
import HadalBackend
import HadalCore
import HadalGraph

/// A segment compiled for a Vulkan device: weights uploaded, commands recorded, replayed every step.
///
/// A step writes its tables and the workgroup counts of every dispatch into memory that the device reads, and submits. Commands are
/// recorded once for all steps that run the same dispatches: one new token, few, many.
/// Thread safety: one `execute` at a time, and one of all executables of a device.
final class VulkanExecutable: Executable, @unchecked Sendable {
    let info: ExecutableInfo
    private let device: VulkanDevice
    private var context: DeviceContext { device.context }
    private let bounds: Segment.Bounds
    private let pageCapacity: Int
    private let lowering: Lowering
    private var dispatches: [Dispatch]
    private let copies: [(from: Dispatch.Place, output: Int)]
    private let outputs: [(dims: [Dim], bytes: Int)]
    let validator: StepValidator

    private let weights: [DeviceMemory]
    private let arena: DeviceMemory
    private let step: DeviceMemory
    private var indirect: DeviceMemory
    /// Which dispatches steps run, and what was recorded for each form of a step so far.
    private var forms: StepForms
    private var commands: [Int: VkCommandBuffer] = [:]
    private var tracers: [Int: NodeTracer] = [:]
    /// What the host binds; commands are recorded for these.
    private var bound: [Dispatch.Place: (address: UInt64, buffer: VulkanBuffer)] = [:]

    init(_ segment: Segment, on device: VulkanDevice) throws {
        let context = device.context
        validator = try StepValidator(segment, memory: .device)
        let store = WeightStore(segment, device.transfer)
        var lowering = Lowering(segment, on: device, store: store)
        dispatches = try lowering.lower()
        self.lowering = lowering
        self.device = device
        bounds = segment.bounds
        copies = lowering.copies
        let graph = segment.graph
        outputs = graph.outputs.map { value in
            let dims = graph.values[value].dims
            return (dims, dims.reduce(4) { product, dim in if case .fixed(let n) = dim { product * n } else { product } })
        }

        // A page list is at most what every sequence would need for its longest cache; the host's is never longer in practice.
        pageCapacity = max(segment.bounds.sequences, 1) << 14
        weights = store.memory
        arena = try DeviceMemory(context, bytes: lowering.arena.bytes, purpose: .device)
        if device.poisonsMemory { try device.transfer.fill(arena, with: .max) }
        step = try DeviceMemory(context, bytes: 4 * StepTables.words(bounds: bounds, pages: pageCapacity), purpose: .step)
        indirect = try Self.indirect(dispatches.count, context)
        forms = StepForms(dispatches, bounds: bounds)
        guard let tables = step.pointer else {
            throw HadalError(.unsupported, "\(context.physical.name) has no memory that the host can write")
        }
        // A driver may read a table's entries beyond the step's, whatever a kernel asks first, and use them as indices.
        tables.initializeMemory(as: UInt8.self, repeating: 0, count: step.bytes)
        info = ExecutableInfo(
            keepsWeights: false, weightBytes: store.bytes, scratchBytes: arena.bytes + step.bytes + indirect.bytes,
            barriersPerStep: Self.barriers(Self.dispatches(dispatches, of: forms, one: bounds)).filter { $0 }.count)
    }

    deinit { for commands in commands.values { context.release(commands) } }

    /// Those of a step of one token, as far as the bounds allow one.
    private static func dispatches(_ all: [Dispatch], of forms: StepForms, one bounds: Segment.Bounds) -> [Dispatch] {
        forms.running(in: forms.form(tokens: min(1, bounds.tokens), sequences: min(1, bounds.sequences), rows: min(1, bounds.rows))).map {
            all[$0]
        }
    }

    private static func indirect(_ count: Int, _ context: DeviceContext) throws -> DeviceMemory {
        let memory = try DeviceMemory(context, bytes: 12 * max(count, 1), purpose: .step)
        guard memory.pointer != nil else {
            throw HadalError(.unsupported, "\(context.physical.name) has no memory that the host can write")
        }
        return memory
    }

    /// From the next step on, every use of the op runs the kernel found in a directory of op folders.
    ///
    /// - Throws: when it does not compile or does not fit; then the old one stays.
    func replaceKernel(op: String, from directory: String) throws {
        guard lowering.segment.graph.nodes.contains(where: { $0.op == op }) else {
            throw HadalError(.notFound, "the segment has no op '\(op)'")
        }
        let kernel = try device.kernels.kernel(of: op, in: directory)
        let replaced = try lowering.replacing(kernel, in: dispatches)
        let memory = try Self.indirect(replaced.count, context)
        device.kernels.install(kernel)
        dispatches = replaced
        indirect = memory
        forms = StepForms(dispatches, bounds: bounds)
        forget()
    }

    /// What was recorded holds no longer.
    private func forget() {
        for commands in commands.values { context.release(commands) }
        commands.removeAll()
        tracers.removeAll()
    }

    // MARK: Recording

    /// Whether each dispatch must wait for what came before: it reads or writes what was written, or writes what was read.
    private static func barriers(_ dispatches: [Dispatch]) -> [Bool] {
        var read: [Dispatch.Place] = [], written: [Dispatch.Place] = []
        func meet(_ a: Dispatch.Place, _ b: Dispatch.Place) -> Bool {
            if case .arena(let x) = a, case .arena(let y) = b { return x.overlaps(y) }
            return a == b
        }
        return dispatches.map { dispatch in
            let waits =
                dispatch.reads.contains { r in written.contains { meet(r, $0) } }
                || dispatch.writes.contains { w in written.contains { meet(w, $0) } || read.contains { meet(w, $0) } }
            if waits { (read, written) = ([], []) }
            read += dispatch.reads
            written += dispatch.writes
            return waits
        }
    }

    private func address(_ address: Dispatch.Address) throws -> UInt64 {
        switch address {
        case .fixed(let address): return address
        case .place(.arena(let range)): return arena.address + UInt64(range.lowerBound)
        case .place(let place):
            guard let bound = bound[place] else { throw HadalError(.invalidArgument, "\(place) is not bound") }
            return bound.address
        }
    }

    /// - Parameter tracer: takes the time after each node; every node then waits for the one before.
    private func record(_ form: Int, _ tracer: NodeTracer? = nil) throws -> VkCommandBuffer {
        let places = forms.running(in: form), dispatches = places.map { self.dispatches[$0] }
        let waits = Self.barriers(dispatches)
        let addresses = try dispatches.map { [step.address] + (try $0.addresses.map { try address($0) }) }
        return try context.makeCommands { commands in
            let calls = context.functions.pointee
            tracer?.begin(commands)
            context.barrier(commands)
            var pipeline: VkPipeline?
            for (i, dispatch) in dispatches.enumerated() {
                if waits[i] || tracer != nil { context.barrier(commands) }
                if dispatch.pipeline != pipeline {
                    calls.CmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, dispatch.pipeline)
                    pipeline = dispatch.pipeline
                }
                addresses[i].withUnsafeBytes {
                    calls.CmdPushConstants(
                        commands, context.layout, UInt32(VK_SHADER_STAGE_COMPUTE_BIT.rawValue), 0, UInt32($0.count), $0.baseAddress)
                }
                calls.CmdDispatchIndirect(commands, indirect.buffer, VkDeviceSize(12 * places[i]))
                if i + 1 == dispatches.count || dispatches[i + 1].node != dispatch.node { tracer?.mark(commands, node: dispatch.node) }
            }
            context.hostBarrier(commands)
        }
    }

    /// Takes over what the host has bound; what was recorded is forgotten when anything lies elsewhere than before.
    private func bind(_ step: CheckedStep) {
        var changed = false
        for i in step.inputs.indices { changed = take(.input(i), step.inputs[i]) || changed }
        for i in step.outputs.indices { changed = take(.output(i), step.outputs[i]) || changed }
        for i in step.states.indices { changed = take(.state(i), step.states[i]) || changed }
        if changed { forget() }
    }

    /// Whether it lies elsewhere than before.
    private func take(_ place: Dispatch.Place, _ binding: hadal_binding) -> Bool {
        // A state may have none in a step without pages.
        guard let handle = binding.buffer else { return false }
        let buffer = Unmanaged<VulkanBuffer>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
        let address = buffer.memory.address + binding.offset
        if let known = bound[place], known.address == address { return false }
        bound[place] = (address, buffer)
        return true
    }

    // MARK: Running

    func run(_ step: CheckedStep) throws {
        if step.isCancelled { throw HadalError(.cancelled, "the step was cancelled") }
        bind(step)
        guard let words = self.step.pointer, let counts = indirect.pointer else {
            throw HadalError(.backend, "memory for the step is not mapped")
        }
        guard step.pages.count <= pageCapacity else {
            throw HadalError(.invalidArgument, "a list of \(step.pages.count) pages, where there is room for \(pageCapacity)")
        }
        StepTables.write(step, to: words.assumingMemoryBound(to: UInt32.self), bounds: bounds)
        let groups = counts.assumingMemoryBound(to: UInt32.self)
        for i in dispatches.indices {
            let at = 3 * (dispatches[i].grid.symbol.map { step.extent(.symbol($0)) } ?? 0)
            for axis in 0..<3 { groups[3 * i + axis] = dispatches[i].grid.groups[at + axis] }
        }
        let form = forms.form(tokens: step.tokens, sequences: step.sequenceCount, rows: step.rows)
        if let trace = step.trace {
            try run(form, traced: trace, step.traceContext)
        } else {
            let recorded = try commands[form] ?? record(form)
            commands[form] = recorded
            try context.run(recorded)
        }
        for copy in copies { try self.copy(copy, step) }
    }

    private func run(
        _ form: Int, traced trace: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<hadal_trace_event>?) -> Void,
        _ sink: UnsafeMutableRawPointer?
    ) throws {
        let tracer = try tracers[form] ?? NodeTracer(context, nodes: lowering.segment.graph.nodes.count) { try record(form, $0) }
        tracers[form] = tracer
        try context.run(tracer.commands)
        try tracer.report(to: trace, sink)
    }

    private func live(_ spec: (dims: [Dim], bytes: Int), _ step: CheckedStep) -> Int {
        spec.dims.reduce(spec.bytes) { product, dim in if case .symbol = dim { product * step.extent(dim) } else { product } }
    }

    private func copy(_ copy: (from: Dispatch.Place, output: Int), _ step: CheckedStep) throws {
        guard let target = bound[.output(copy.output)]?.buffer else { return }
        let bytes = live(outputs[copy.output], step)
        switch copy.from {
        case .arena(let range): try device.transfer.copy(from: arena, range.lowerBound, to: target.memory, 0, bytes)
        default:
            guard let source = bound[copy.from]?.buffer else { return }
            try device.transfer.copy(from: source.memory, 0, to: target.memory, 0, bytes)
        }
    }
}
