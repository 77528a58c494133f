import CHadalKernels
import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph

/// A segment compiled for the CPU: packed weights, a memory plan and a flat list of kernel calls.
///
/// Thread safety: one `execute` at a time, and one of all executables of a device.
final class CPUExecutable: Executable, @unchecked Sendable {
    let info: ExecutableInfo
    let device: CPUDevice
    let program: InstructionStream
    let validator: StepValidator
    private let weights: [HostMemory]
    /// Of the device's expert cache.
    private let expertLayers: [Int]
    let ops: Set<String>
    /// Types of the weights that were packed.
    let weightTypes: Set<DType>

    init(_ segment: Segment, on device: CPUDevice) throws {
        for node in segment.graph.nodes.indices {
            if let reason = device.unsupported(node: node, of: segment) {
                throw HadalError(.unsupported, "\(segment.graph.nodes[node].label): the cpu backend cannot run this: \(reason)")
            }
        }
        validator = try StepValidator(segment, memory: .host)
        self.device = device
        ops = Set(segment.graph.nodes.map(\.op))
        weightTypes = Set(segment.graph.weights.map(\.dtype))
        let store = try WeightStore(segment, on: device)
        var lowering = try Lowering(segment, store)
        try lowering.lower()
        let stateSpecs = segment.graph.states.map {
            hadal_kernel_state(
                data: nil, dtype: segment.dtype(of: $0).rawValue, heads: UInt32($0.heads), width: UInt32($0.width),
                page_tokens: UInt32(segment.rowsPerPage(of: $0)))
        }
        let program = try InstructionStream(
            lowering.plan, slots: lowering.slots, states: stateSpecs, bounds: segment.bounds, on: device)
        guard device.pool.reserve(scratch: program.scratchBytes) else {
            throw HadalError(.outOfMemory, "cannot allocate \(program.scratchBytes) bytes of scratch for each thread")
        }
        self.program = program
        weights = store.memory
        expertLayers = store.takeExpertLayers()
        info = ExecutableInfo(
            keepsWeights: store.keepsWeights, weightBytes: store.bytes,
            scratchBytes: program.arenaBytes + program.scratchBytes * device.pool.threads, barriersPerStep: program.barriers)
    }

    deinit { device.experts?.remove(expertLayers) }

    func run(_ step: CheckedStep) throws {
        program.step.pointee = step.raw.pointee
        for position in 0..<program.varying.count {
            let index = program.varying.pointer[position]
            switch program.tensors[index].symbol {
            case Dim.Symbol.tokens.rawValue: program.tensors[index].rows = Int64(step.tokens)
            case Dim.Symbol.sequences.rawValue: program.tensors[index].rows = Int64(step.sequenceCount)
            default: program.tensors[index].rows = Int64(step.rows)
            }
        }
        for index in 0..<program.patches.count {
            let patch = program.patches.pointer[index]
            let binding =
                switch patch.source {
                case .input(let i): step.inputs[i]
                case .output(let i): step.outputs[i]
                }
            program.tensors[patch.tensor].data = binding.host.map { $0 + Int(binding.offset) }
        }
        for index in 0..<program.stateSources.count {
            let binding = step.states[program.stateSources.pointer[index]]
            program.states[index].data = binding.host.map { $0 + Int(binding.offset) }
        }
        let run = Run(instructions: program.instructions, cancel: step.cancel, trace: step.trace, traceContext: step.traceContext)
        switch device.pool.run(run) {
        case .done: return
        case .cancelled: throw HadalError(.cancelled, "the step was cancelled")
        case .noThreads: throw HadalError(.outOfMemory, "cannot start the threads of the cpu backend")
        case .failed: throw program.failure ?? HadalError(.backend, "the step failed")
        }
    }

    /// nil when no expert is read from disk.
    var expertStatistics: ExpertStatistics? {
        expertLayers.isEmpty ? nil : device.experts?.statistics(of: expertLayers)
    }
}
