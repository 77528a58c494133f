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
        arena = try HostBuffer(bytes: plan.bytes)
        tensors = graph.values.map { Tensor(unboundOf: $0.dtype) }
        info = ExecutableInfo(keepsWeights: true, weightBytes: 0, scratchBytes: plan.bytes, barriersPerStep: 0)
    }

    func execute(_ execution: Execution) throws {
        let graph = segment.graph
        guard execution.inputs.count == graph.inputs.count, execution.outputs.count == graph.outputs.count,
            execution.states.count == graph.states.count
        else {
            throw HadalError(
                .invalidArgument,
                "the segment has \(graph.inputs.count) inputs, \(graph.outputs.count) outputs and \(graph.states.count) states; "
                    + "\(execution.inputs.count), \(execution.outputs.count) and \(execution.states.count) are bound")
        }
        let step = try StepLayout(execution.step, bounds: segment.bounds)
        try bind(execution, step)
        var caches: [PagedCache] = []
        for (state, binding) in zip(graph.states, execution.states) { caches.append(try PagedCache(state, binding, segment)) }

        for (index, op) in operators.enumerated() {
            let call = OperatorCall(
                node: graph.nodes[index], tensors: tensors, caches: caches, step: step, pool: pool, cancel: execution.cancel)
            guard !call.isCancelled else { throw HadalError(.cancelled, "the step was cancelled") }
            let start = execution.trace == nil ? 0 : MonotonicClock.nanoseconds
            do { try op.run(call) } catch let error as HadalError {
                throw HadalError(error.code, "\(graph.nodes[index].label): \(graph.nodes[index].op): \(error.message)", hint: error.hint)
            }
            guard !call.isCancelled else { throw HadalError(.cancelled, "the step was cancelled") }
            if let trace = execution.trace {
                var event = hadal_trace_event()
                event.size = UInt32(MemoryLayout<hadal_trace_event>.size)
                event.node = UInt32(index)
                event.start_ns = start
                event.duration_ns = MonotonicClock.nanoseconds - start
                trace(execution.traceContext, &event)
            }
        }
        copyRepeatedOutputs(execution)
    }

    /// Gives every value its place: bound memory for the segment's inputs and outputs, the arena for the rest.
    private func bind(_ execution: Execution, _ step: StepLayout) throws {
        for (index, value) in segment.graph.values.enumerated() {
            var tensor = Tensor(unboundOf: value.dtype)
            tensor.setShape(value.dims.map { step.extent($0) })
            if let offset = plan.offsets[index] { tensor.base = arena.pointer + offset }
            tensors[index] = tensor
        }
        func bound(_ binding: hadal_binding, _ index: Int, _ role: String) throws -> UnsafeMutableRawPointer? {
            let (tensor, name) = (tensors[index], segment.graph.values[index].name)
            if tensor.bytes == 0 { return nil }
            guard let host = binding.host else {
                throw HadalError(.invalidArgument, "\(role) '\(name)' is not bound to host memory")
            }
            guard binding.bytes >= UInt64(tensor.bytes), let offset = Int(exactly: binding.offset) else {
                throw HadalError(.invalidArgument, "\(role) '\(name)' needs \(tensor.bytes) bytes but is bound to \(binding.bytes)")
            }
            return host + offset
        }
        // Outputs last: a value that is both is read from where it comes in and copied at the end.
        for (index, binding) in zip(segment.graph.outputs, execution.outputs) where plan.writtenOutputs.contains(index) {
            let base = try bound(binding, index, "output")
            if tensors[index].base == nil { tensors[index].base = base }
        }
        for (index, binding) in zip(segment.graph.inputs, execution.inputs) {
            tensors[index].base = try bound(binding, index, "input")
        }
    }

    private func copyRepeatedOutputs(_ execution: Execution) {
        for (index, binding) in zip(segment.graph.outputs, execution.outputs) {
            guard let host = binding.host, let base = tensors[index].base else { continue }
            let target = host + Int(clamping: binding.offset)
            if target != base, binding.bytes >= UInt64(tensors[index].bytes) { memmove(target, base, tensors[index].bytes) }
        }
    }
}
