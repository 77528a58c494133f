import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A segment whose ops run one after the other, each to its end before the next starts.
///
/// Activations between ops live in one block of host memory, planned at compile time; inputs, outputs and states are used
/// where the host bound them. Weights are read in place, in their stored type.
final class ReferenceExecutable: Executable, @unchecked Sendable {
    let info: ExecutableInfo
    let validator: StepValidator
    private let segment: Segment
    private let operators: [any NodeRunner]
    private let plan: ActivationPlan
    private let arena: HostBuffer
    private let pool: WorkerPool
    /// Where each value lies in the step that is running.
    private var tensors: [Tensor]

    init(_ segment: Segment, pool: WorkerPool, contracts: OpCatalogue) throws {
        let graph = segment.graph
        guard segment.weights.count == graph.weights.count else {
            throw HadalError(.invalidArgument, "the segment has \(graph.weights.count) weights but data for \(segment.weights.count)")
        }
        self.segment = segment
        self.pool = pool
        operators = try graph.nodes.indices.map { index in
            let view = NodeView(index: index, segment: segment)
            let made = try OperatorTable.make(view, contracts: contracts)
            try view.checkWeightData()
            return made
        }
        plan = try ActivationPlan(segment)
        validator = try StepValidator(segment, memory: .host)
        arena = try HostBuffer(bytes: plan.bytes)
        tensors = graph.values.map { Tensor(unboundOf: $0.dtype) }
        info = ExecutableInfo(keepsWeights: true, weightBytes: 0, scratchBytes: plan.bytes, barriersPerStep: 0)
    }

    func run(_ checked: CheckedStep) throws {
        let graph = segment.graph
        let step = StepLayout(checked)
        bind(checked)
        let caches = zip(graph.states, checked.states).map { PagedCache($0, $1, segment) }

        for (index, op) in operators.enumerated() {
            let call = OperatorCall(
                node: graph.nodes[index], tensors: tensors, caches: caches, step: step, pool: pool, cancel: checked.cancel)
            guard !call.isCancelled else { throw HadalError(.cancelled, "the step was cancelled") }
            let start = checked.trace == nil ? 0 : MonotonicClock.nanoseconds
            do { try op.run(call) } catch let error as HadalError {
                throw HadalError(error.code, "\(graph.nodes[index].label): \(graph.nodes[index].op): \(error.message)", hint: error.hint)
            }
            guard !call.isCancelled else { throw HadalError(.cancelled, "the step was cancelled") }
            if let trace = checked.trace {
                var event = hadal_trace_event()
                event.size = UInt32(MemoryLayout<hadal_trace_event>.size)
                event.node = UInt32(index)
                event.start_ns = start
                event.duration_ns = MonotonicClock.nanoseconds - start
                trace(checked.traceContext, &event)
            }
        }
        copyRepeatedOutputs(checked)
    }

    /// Gives every value its place: bound memory for the segment's inputs and outputs, the arena for the rest.
    private func bind(_ step: CheckedStep) {
        for (index, value) in segment.graph.values.enumerated() {
            var tensor = Tensor(unboundOf: value.dtype)
            tensor.setShape(value.dims.map { step.extent($0) })
            if let offset = plan.offsets[index] { tensor.base = arena.pointer + offset }
            tensors[index] = tensor
        }
        func base(_ binding: hadal_binding) -> UnsafeMutableRawPointer? { binding.host.map { $0 + Int(binding.offset) } }
        // Outputs last: a value that is both is read from where it comes in and copied at the end.
        for (index, binding) in zip(segment.graph.outputs, step.outputs) where plan.writtenOutputs.contains(index) {
            if tensors[index].base == nil { tensors[index].base = base(binding) }
        }
        for (index, binding) in zip(segment.graph.inputs, step.inputs) { tensors[index].base = base(binding) }
    }

    private func copyRepeatedOutputs(_ step: CheckedStep) {
        for (index, binding) in zip(segment.graph.outputs, step.outputs) {
            guard let host = binding.host, let base = tensors[index].base else { continue }
            let target = host + Int(binding.offset)
            if target != base { memmove(target, base, tensors[index].bytes) }
        }
    }
}
