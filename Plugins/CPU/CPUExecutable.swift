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
    let program: Program
    private let weights: [HostMemory]
    private let bounds: Segment.Bounds
    private let inputs: ConstantArray<BindingSpec>
    private let outputs: ConstantArray<BindingSpec>
    private let stateSpecs: ConstantArray<hadal_kernel_state>
    /// Inputs that hold indices into something of a known size: token ids into a table.
    private let indexInputs: ConstantArray<IndexInput>
    /// Of the device's expert cache.
    private let expertLayers: [Int]
    let ops: Set<String>
    /// Types of the weights that were packed.
    let weightTypes: Set<DType>

    struct IndexInput {
        var input: Int
        var limit: Int
    }

    /// What a binding must hold.
    struct BindingSpec {
        var rows: Dim
        var stride: Int
    }

    init(_ segment: Segment, on device: CPUDevice) throws {
        for node in segment.graph.nodes.indices {
            if let reason = device.unsupported(node: node, of: segment) {
                throw HadalError(.unsupported, "\(segment.graph.nodes[node].label): the cpu backend cannot run this: \(reason)")
            }
        }
        guard segment.bounds.tokens >= 0, segment.bounds.sequences >= 0, segment.bounds.rows >= 0, segment.pageTokens > 0,
            segment.pageTokens <= 1 << 20
        else { throw HadalError(.invalidArgument, "impossible bounds of a segment") }
        self.device = device
        ops = Set(segment.graph.nodes.map(\.op))
        weightTypes = Set(segment.graph.weights.map(\.dtype))
        let store = try WeightStore(segment, on: device)
        var lowering = try Lowering(segment, store)
        try lowering.lower()
        let stateSpecs = segment.graph.states.map {
            hadal_kernel_state(
                data: nil, dtype: segment.stateDType.rawValue, heads: UInt32($0.heads), width: UInt32($0.width),
                page_tokens: UInt32(segment.pageTokens))
        }
        let program = try Program(
            lowering.plan, slots: lowering.slots, states: stateSpecs, bounds: segment.bounds, on: device)
        guard device.pool.reserve(scratch: program.scratchBytes) else {
            throw HadalError(.outOfMemory, "cannot allocate \(program.scratchBytes) bytes of scratch for each thread")
        }
        self.program = program
        self.stateSpecs = ConstantArray(stateSpecs)
        weights = store.memory
        expertLayers = store.takeExpertLayers()
        bounds = segment.bounds
        inputs = ConstantArray(segment.graph.inputs.map { Self.spec($0, segment.graph) })
        outputs = ConstantArray(segment.graph.outputs.map { Self.spec($0, segment.graph) })
        indexInputs = ConstantArray(Self.indexInputs(segment.graph))
        info = ExecutableInfo(
            keepsWeights: store.keepsWeights, weightBytes: store.bytes,
            scratchBytes: program.arenaBytes + program.scratchBytes * device.pool.threads, barriersPerStep: program.barriers)
    }

    deinit {
        device.experts?.remove(expertLayers)
        inputs.deallocate()
        outputs.deallocate()
        stateSpecs.deallocate()
        indexInputs.deallocate()
    }

    private static func spec(_ value: Int, _ graph: Graph) -> BindingSpec {
        let declared = graph.values[value]
        let columns = declared.dims.dropFirst().reduce(1) { if case .fixed(let n) = $1 { $0 * n } else { $0 } }
        return BindingSpec(rows: declared.dims.first ?? .fixed(1), stride: columns * 4)
    }

    private static func indexInputs(_ graph: Graph) -> [IndexInput] {
        graph.nodes.compactMap { node in
            guard node.op == Op.embedding, case .value(let value) = node.inputs[0], case .weight(let weight) = node.inputs[1],
                let input = graph.inputs.firstIndex(of: value)
            else { return nil }
            return IndexInput(input: input, limit: graph.weights[weight].dims[0])
        }
    }

    func execute(_ execution: Execution) throws {
        let step = execution.step
        try check(step)
        let rows = (tokens: Int(step.pointee.tokens), sequences: Int(step.pointee.sequence_count), rows: Int(step.pointee.rows))
        func extent(_ dim: Dim) -> Int {
            switch dim {
            case .fixed(let n): n
            case .symbol(.tokens): rows.tokens
            case .symbol(.sequences): rows.sequences
            case .symbol(.rows): rows.rows
            }
        }
        guard execution.inputs.count == inputs.count, execution.outputs.count == outputs.count, execution.states.count == stateSpecs.count
        else { throw HadalError(.invalidArgument, "the bindings do not match the segment's inputs, outputs and states") }
        for i in 0..<inputs.count { try check(execution.inputs[i], bytes: extent(inputs.pointer[i].rows) * inputs.pointer[i].stride, "input", i) }
        for i in 0..<outputs.count { try check(execution.outputs[i], bytes: extent(outputs.pointer[i].rows) * outputs.pointer[i].stride, "output", i) }
        for i in 0..<stateSpecs.count { try check(state: i, execution.states[i], step) }
        for index in 0..<indexInputs.count {
            let (input, limit) = (indexInputs.pointer[index].input, indexInputs.pointer[index].limit)
            guard let ids = execution.inputs[input].host else { continue }
            let base = ids + Int(execution.inputs[input].offset)
            for i in 0..<extent(inputs.pointer[input].rows) {
                let id = base.loadUnaligned(fromByteOffset: 4 * i, as: Int32.self)
                guard id >= 0, Int(id) < limit else {
                    throw HadalError(.invalidArgument, "token id \(id) is outside a vocabulary of \(limit)")
                }
            }
        }

        program.step.pointee = step.pointee
        for position in 0..<program.varying.count {
            let index = program.varying.pointer[position]
            switch program.tensors[index].symbol {
            case Dim.Symbol.tokens.rawValue: program.tensors[index].rows = Int64(rows.tokens)
            case Dim.Symbol.sequences.rawValue: program.tensors[index].rows = Int64(rows.sequences)
            default: program.tensors[index].rows = Int64(rows.rows)
            }
        }
        for index in 0..<program.patches.count {
            let patch = program.patches.pointer[index]
            let binding =
                switch patch.source {
                case .input(let i): execution.inputs[i]
                case .output(let i): execution.outputs[i]
                }
            program.tensors[patch.tensor].data = binding.host.map { $0 + Int(binding.offset) }
        }
        for index in 0..<program.stateSources.count {
            let binding = execution.states[program.stateSources.pointer[index]]
            program.states[index].data = binding.host.map { $0 + Int(binding.offset) }
        }
        let run = Run(
            instructions: program.instructions, cancel: execution.cancel, trace: execution.trace, traceContext: execution.traceContext)
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

    // MARK: Checks

    private func check(_ step: UnsafePointer<hadal_step>) throws {
        let value = step.pointee
        guard Int(value.tokens) <= bounds.tokens, Int(value.sequence_count) <= bounds.sequences, Int(value.rows) <= bounds.rows else {
            throw HadalError(
                .invalidArgument,
                "a step of \(value.tokens) tokens, \(value.sequence_count) sequences and \(value.rows) rows exceeds the compiled bounds")
        }
        guard value.sequence_count > 0 else { return }
        guard let first = value.sequences, Int(value.sequence_stride) >= MemoryLayout<hadal_sequence>.size else {
            throw HadalError(.invalidArgument, "the step's sequences are missing")
        }
        for i in 0..<Int(value.sequence_count) {
            let sequence = Self.sequence(first, value.sequence_stride, i)
            guard UInt64(sequence.first_token) + UInt64(sequence.token_count) <= UInt64(value.tokens),
                UInt64(sequence.first_page) + UInt64(sequence.page_count) <= UInt64(value.page_list_count)
            else { throw HadalError(.invalidArgument, "sequence \(i) of the step lies outside its tokens or pages") }
        }
    }

    private static func sequence(_ first: UnsafePointer<hadal_sequence>, _ stride: UInt32, _ index: Int) -> hadal_sequence {
        (UnsafeRawPointer(first) + index * Int(stride)).loadUnaligned(as: hadal_sequence.self)
    }

    private func check(_ binding: hadal_binding, bytes: Int, _ what: StaticString, _ index: Int) throws {
        guard binding.host != nil else {
            throw HadalError(.invalidArgument, "\(what) \(index) has no host memory, which is all that the cpu backend takes")
        }
        guard binding.bytes >= UInt64(bytes) else {
            throw HadalError(.invalidArgument, "\(what) \(index) is bound to \(binding.bytes) bytes and needs \(bytes)")
        }
    }

    /// Every page that the step's sequences touch lies within the binding.
    private func check(state index: Int, _ binding: hadal_binding, _ step: UnsafePointer<hadal_step>) throws {
        let state = stateSpecs.pointer[index]
        let element = state.dtype == DType.f32.rawValue ? 4 : 2
        let pageTokens = Int(state.page_tokens), pageBytes = Int(state.heads) * Int(state.width) * pageTokens * element
        let value = step.pointee
        guard value.sequence_count > 0, let first = value.sequences else { return }
        guard binding.host != nil else { throw HadalError(.invalidArgument, "state \(index) has no host memory") }
        let available = pageBytes > 0 ? Int(clamping: binding.bytes) / pageBytes : 0
        for i in 0..<Int(value.sequence_count) {
            let sequence = Self.sequence(first, value.sequence_stride, i)
            let length = Int(sequence.past) + Int(sequence.token_count)
            let needed = (length + pageTokens - 1) / pageTokens
            if needed == 0 { continue }
            guard needed <= Int(sequence.page_count), let pages = value.pages else {
                throw HadalError(
                    .invalidArgument, "sequence \(i) has \(sequence.page_count) pages, too few for \(length) tokens")
            }
            for page in 0..<needed where Int(pages[Int(sequence.first_page) + page]) >= available {
                throw HadalError(
                    .invalidArgument, "page \(pages[Int(sequence.first_page) + page]) is outside state \(index), which holds \(available)")
            }
        }
    }
}
