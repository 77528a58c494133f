public import CHadalPlugin
import HadalCore
public import HadalGraph

/// One run of an executable, checked against the segment that it was compiled from.
///
/// Only a `StepValidator` makes one, and `Executable.execute` has it made before it calls `Executable.run`. What a backend may rely on is
/// listed at `StepValidator`. Borrowed: valid until `run` returns.
public struct CheckedStep {
    package let execution: Execution

    /// Called by the validator, when nothing is wrong.
    init(checked execution: Execution) { self.execution = execution }

    /// In the order of the graph's inputs, outputs and states.
    public var inputs: UnsafeBufferPointer<hadal_binding> { execution.inputs }
    public var outputs: UnsafeBufferPointer<hadal_binding> { execution.outputs }
    public var states: UnsafeBufferPointer<hadal_binding> { execution.states }

    /// The step as kernels written in C read it.
    public var raw: UnsafePointer<hadal_step> { execution.step }
    public var tokens: Int { Int(execution.step.pointee.tokens) }
    public var rows: Int { Int(execution.step.pointee.rows) }
    public var sequenceCount: Int { Int(execution.step.pointee.sequence_count) }
    /// The page lists of all sequences.
    public var pages: UnsafeBufferPointer<UInt32> {
        let step = execution.step.pointee
        return UnsafeBufferPointer(start: step.pages, count: step.pages == nil ? 0 : Int(step.page_list_count))
    }

    /// - Parameter index: below `sequenceCount`.
    public func sequence(_ index: Int) -> hadal_sequence { execution.step.pointee.sequence(index) }

    /// The extent that a dimension has in this step.
    public func extent(_ dim: Dim) -> Int {
        switch dim {
        case .fixed(let n): n
        case .symbol(.tokens): tokens
        case .symbol(.sequences): sequenceCount
        case .symbol(.rows): rows
        }
    }

    /// See `Execution`.
    public var trace: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<hadal_trace_event>?) -> Void)? { execution.trace }
    public var traceContext: UnsafeMutableRawPointer? { execution.traceContext }
    public var cancel: UnsafePointer<UInt32>? { execution.cancel }
    public var isCancelled: Bool { execution.isCancelled }
}

extension hadal_sequence {
    /// Bytes of a sequence without what was added to it later.
    package static let leastSize = MemoryLayout<hadal_sequence>.offset(of: \.slot_before) ?? MemoryLayout<hadal_sequence>.size
}

extension hadal_step {
    /// Sequences of a newer host are longer than this side's structs, and lie accordingly.
    func sequence(_ index: Int) -> hadal_sequence {
        guard let sequences else { return hadal_sequence() }
        return UnsafeRawPointer(sequences).loadUnaligned(fromByteOffset: index * Int(sequence_stride), as: hadal_sequence.self)
    }
}
