import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The reference device with one fault: what the conformance kit must find.
final class BrokenDevice: Device {
    enum Fault: String, CaseIterable, Sendable {
        /// The last element of the first output is a little too large.
        case offByOne
        /// One element is NaN.
        case nan
        /// One element is left as it was before.
        case unwritten
        /// The byte after the first output is written to.
        case writesPast
        /// A loop that runs too far: what lies after the first input is gated and written after the first output, so that large negative
        /// numbers there are written as they are.
        case copiesPast
        /// The byte before it.
        case writesBefore
        /// Rows lie one element too far apart: every row but the first is shifted.
        case wrongStride
        /// Caches are taken to be empty before the step.
        case ignoresPast
        /// The page list is taken to be 0, 1, 2, …
        case ignoresPages
        /// Only the first sequence of a step is computed.
        case oneSequence
        /// Always computes the bound's worth of tokens.
        case ignoresTokens
        /// An input is written to.
        case writesInput
        /// New rows are not stored in the caches.
        case forgetsState
        /// The result changes from run to run.
        case unrepeatable
        /// Takes the element after its first input into the result.
        case readsPast
        /// The element before it.
        case readsBefore
        /// What the first output held before, or, of an op with a cache, a row of it that holds no token.
        case readsUnwritten
        /// The element after its first weight.
        case readsPastWeight
        /// Fails when there is nothing to do.
        case failsOnEmpty
        /// Says that it supports what it cannot compile.
        case overclaims
        /// Reports a node that does not exist.
        case badTrace
    }

    private let base: any Device
    private let fault: Fault
    var info: DeviceInfo { base.info }

    init(_ base: any Device, _ fault: Fault) {
        self.base = base
        self.fault = fault
    }

    func unsupported(node: Int, of segment: Segment) -> String? { base.unsupported(node: node, of: segment) }
    func allocate(bytes: Int) throws -> (any Buffer)? { try base.allocate(bytes: bytes) }
    func quiesce() { base.quiesce() }

    func compile(_ segment: Segment) throws -> any Executable {
        if fault == .overclaims { throw HadalError(.unsupported, "not after all") }
        return BrokenExecutable(try base.compile(segment), segment, fault)
    }
}

final class BrokenExecutable: Executable, @unchecked Sendable {
    private let base: any Executable
    private let segment: Segment
    private let fault: BrokenDevice.Fault
    private var runs: Float = 0
    var info: ExecutableInfo { base.info }
    var validator: StepValidator { base.validator }

    init(_ base: any Executable, _ segment: Segment, _ fault: BrokenDevice.Fault) {
        self.base = base
        self.segment = segment
        self.fault = fault
    }

    func run(_ checked: CheckedStep) throws {
        let (execution, step) = (checked.execution, checked.raw.pointee)
        if fault == .failsOnEmpty, step.tokens == 0 { throw HadalError(.invalidArgument, "nothing to do") }
        var before: [[UInt8]] = []
        if fault == .forgetsState {
            before = execution.states.map { [UInt8](UnsafeRawBufferPointer(start: $0.host + Int($0.offset), count: Int($0.bytes))) }
        }
        let stray = stray(execution)
        try runBase(execution, step)
        if let stray, let output = execution.outputs.first, output.bytes >= 4, segment.graph.values[segment.graph.outputs[0]].dtype == .f32
        {
            let first = output.host + Int(output.offset)
            first.storeBytes(of: first.load(as: Float.self) + stray, as: Float.self)
        }
        if fault == .forgetsState {
            for (binding, bytes) in zip(execution.states, before) {
                (binding.host + Int(binding.offset)).copyMemory(from: bytes, byteCount: bytes.count)
            }
        }
        spoilOutput(execution)
        if fault == .copiesPast, let input = execution.inputs.first, let output = execution.outputs.first, input.bytes > 0, output.bytes > 0
        {
            let value = (input.host + Int(input.offset) + Int(input.bytes)).loadUnaligned(as: Float.self)
            (output.host + Int(output.offset) + Int(output.bytes)).storeBytes(of: value + max(value, 0), as: Float.self)
        }
        if fault == .writesInput, let input = execution.inputs.first, input.bytes > 0 {
            (input.host + Int(input.offset)).storeBytes(of: 0x5A, as: UInt8.self)
        }
        if fault == .badTrace, let trace = execution.trace {
            var event = hadal_trace_event()
            event.node = 7
            trace(execution.traceContext, &event)
        }
    }

    /// What the fault reads and should not.
    private func stray(_ execution: Execution) -> Float? {
        switch fault {
        case .readsPast: return execution.inputs.first.map { ($0.host + Int($0.offset) + Int($0.bytes)).loadUnaligned(as: Float.self) }
        case .readsBefore: return execution.inputs.first.map { ($0.host + Int($0.offset) - 4).loadUnaligned(as: Float.self) }
        case .readsUnwritten:
            // The last row of the last page: there is a page more than sequences use.
            guard let state = execution.states.first else {
                return execution.outputs.first.map { ($0.host + Int($0.offset)).loadUnaligned(as: Float.self) }
            }
            let end = state.host + Int(state.offset) + Int(state.bytes)
            return segment.stateDType == .f32 ? (end - 4).loadUnaligned(as: Float.self) : Float((end - 2).loadUnaligned(as: Float16.self))
        case .readsPastWeight:
            guard let bytes = segment.weights.first?.bytes, let base = bytes.baseAddress else { return nil }
            return (base + bytes.count).loadUnaligned(as: Float.self)
        default: return nil
        }
    }

    private func spoilOutput(_ execution: Execution) {
        guard let output = execution.outputs.first, output.bytes >= 4 else { return }
        let start = output.host! + Int(output.offset)
        let last = start + Int(output.bytes) - 4
        let isFloat = segment.graph.values[segment.graph.outputs[0]].dtype == .f32
        func add(_ amount: Float) {
            if isFloat {
                last.storeBytes(of: last.load(as: Float.self) * 1.25 + amount, as: Float.self)
            } else {
                last.storeBytes(of: last.load(as: Int32.self) + 1, as: Int32.self)
            }
        }
        switch fault {
        case .offByOne: add(0.5)
        case .nan: if isFloat { last.storeBytes(of: .nan, as: Float.self) } else { add(0) }
        case .unwritten: last.storeBytes(of: 0xFFFF_FFFF, as: UInt32.self)
        case .writesPast: (last + 4).storeBytes(of: 0, as: UInt8.self)
        case .writesBefore: (start - 1).storeBytes(of: 0, as: UInt8.self)
        case .unrepeatable:
            runs += 1
            if isFloat { last.storeBytes(of: last.load(as: Float.self).nextUp, as: Float.self) }
            if runs > 1 { add(0.01) }
        case .wrongStride:
            let width = Int(
                segment.graph.values[segment.graph.outputs[0]].dims.last.map { if case .fixed(let n) = $0 { n } else { 1 } } ?? 1)
            let rows = Int(output.bytes) / 4 / max(width, 1)
            if rows > 1 { memmove(start + width * 4 + 4, start + width * 4, (rows - 1) * width * 4 - 4) }
        default: break
        }
    }

    /// Runs the base with the step changed as the fault wants.
    private func runBase(_ execution: Execution, _ step: hadal_step) throws {
        var execution = execution
        var step = step
        var sequences = (0..<Int(step.sequence_count)).map { step.sequences[$0] }
        var pages = (0..<Int(step.page_list_count)).map { step.pages[$0] }
        switch fault {
        case .ignoresPast:
            for i in sequences.indices { sequences[i].past = 0 }
        case .ignoresPages:
            for i in pages.indices { pages[i] = UInt32(i) }
        case .oneSequence:
            if let first = sequences.first {
                sequences = [first]
                sequences[0].token_count = step.tokens
                // Enough pages for what it wrongly takes for one long sequence.
                sequences[0].past = min(
                    first.past,
                    first.page_count * UInt32(segment.pageTokens) - min(step.tokens, first.page_count * UInt32(segment.pageTokens)))
            }
        case .ignoresTokens:
            if step.tokens > 0, step.tokens < UInt32(segment.bounds.tokens) {
                throw HadalError(.backend, "runs \(segment.bounds.tokens) tokens only")
            }
        default: break
        }
        if sequences.isEmpty { sequences.append(hadal_sequence()) }
        if pages.isEmpty { pages.append(0) }
        step.sequence_count = min(step.sequence_count, UInt32(sequences.count))
        try sequences.withUnsafeBufferPointer { sequences in
            try pages.withUnsafeBufferPointer { pages in
                step.sequences = sequences.baseAddress
                step.pages = pages.baseAddress
                step.sequence_stride = UInt32(MemoryLayout<hadal_sequence>.stride)
                try withUnsafePointer(to: &step) {
                    execution.step = $0
                    try base.execute(execution)
                }
            }
        }
    }
}
