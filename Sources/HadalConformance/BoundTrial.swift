import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph

/// A trial whose operands lie in a device's memory, between guard bytes: can be run again and again.
///
/// Outputs hold NaN before the first run; states hold what earlier runs left. Thread safety: one thread at a time.
final class BoundTrial {
    let trial: ConformanceTrial
    private let inputs: [GuardedMemory]
    private let outputs: [GuardedMemory]
    private let states: [GuardedMemory]
    private let inputBindings: UnsafeMutableBufferPointer<hadal_binding>
    private let outputBindings: UnsafeMutableBufferPointer<hadal_binding>
    private let stateBindings: UnsafeMutableBufferPointer<hadal_binding>
    private let sequences: UnsafeMutableBufferPointer<hadal_sequence>
    private let pages: UnsafeMutableBufferPointer<UInt32>
    /// Entries before and after the page lists.
    private static let pagePadding = 16
    private let step: UnsafeMutablePointer<hadal_step>

    /// - Throws: when the device has no memory for the operands.
    init(_ trial: ConformanceTrial, on device: any Device, _ surroundings: Surroundings = .first) throws {
        self.trial = trial
        let graph = trial.segment.graph
        inputs = try trial.inputs.map { try GuardedMemory($0, on: device, surroundings) }
        outputs = try graph.outputs.map {
            try GuardedMemory(
                [UInt8](repeating: surroundings.unwrittenByte, count: trial.bytes(of: graph.values[$0])), on: device, surroundings)
        }
        states = try trial.states.map { try GuardedMemory($0, on: device, surroundings) }
        trial.fillWeightGuards(surroundings)
        inputBindings = Self.copy(inputs.map(\.binding))
        outputBindings = Self.copy(outputs.map(\.binding))
        stateBindings = Self.copy(states.map(\.binding))
        let entries = trial.sequences.map { sequence in
            hadal_sequence(
                first_token: UInt32(clamping: sequence.first), token_count: UInt32(clamping: sequence.count),
                past: UInt32(clamping: sequence.past), planned_length: UInt32(clamping: sequence.plannedLength),
                first_page: UInt32(clamping: sequence.firstPage), page_count: UInt32(clamping: sequence.pageCount),
                slot_before: UInt32(clamping: sequence.slotBefore), slot_after: UInt32(clamping: sequence.slotAfter))
        }
        // An empty step still has something to point at.
        sequences = Self.copy(entries.isEmpty ? [hadal_sequence()] : entries)
        // What lies beside the page lists are pages too, so that reading one shows and does not crash.
        let stray = [UInt32](repeating: surroundings == .first ? 0 : UInt32(clamping: max(trial.poolPages - 1, 0)), count: Self.pagePadding)
        pages = Self.copy(stray + (trial.pages.isEmpty ? [0] : trial.pages) + stray)
        step = .allocate(capacity: 1)
        var values = hadal_step()
        values.size = UInt32(MemoryLayout<hadal_step>.size)
        values.tokens = UInt32(clamping: trial.tokens)
        values.sequence_count = UInt32(clamping: trial.sequences.count)
        values.rows = UInt32(clamping: trial.rows)
        values.sequences = UnsafePointer(sequences.baseAddress)
        values.pages = pages.baseAddress.map { UnsafePointer($0 + Self.pagePadding) }
        values.sequence_stride = UInt32(MemoryLayout<hadal_sequence>.stride)
        values.page_list_count = UInt32(clamping: trial.pages.count)
        step.initialize(to: values)
    }

    deinit {
        inputBindings.deallocate()
        outputBindings.deallocate()
        stateBindings.deallocate()
        sequences.deallocate()
        pages.deallocate()
        step.deallocate()
    }

    private static func copy<T: BitwiseCopyable>(_ items: [T]) -> UnsafeMutableBufferPointer<T> {
        let buffer = UnsafeMutableBufferPointer<T>.allocate(capacity: items.count)
        _ = buffer.initialize(from: items)
        return buffer
    }

    /// Runs the step once.
    ///
    /// - Parameter cancelled: the step's cancel flag is set before it starts.
    func execute(_ executable: any Executable, trace: TraceSink? = nil, cancelled: Bool = false) throws {
        var flag: UInt32 = cancelled ? 1 : 0
        try withUnsafePointer(to: &flag) { flag in
            var execution = Execution(
                inputs: UnsafeBufferPointer(inputBindings), outputs: UnsafeBufferPointer(outputBindings),
                states: UnsafeBufferPointer(stateBindings), step: step, cancel: flag)
            if let trace {
                execution.trace = TraceSink.receive
                execution.traceContext = Unmanaged.passUnretained(trace).toOpaque()
            }
            try executable.execute(execution)
        }
    }

    /// What the runs so far have left behind.
    func outcome(traced: [Int]) throws -> ConformanceTrial.Outcome {
        let graph = trial.segment.graph
        var outcome = ConformanceTrial.Outcome(outputs: [], states: [], overwritten: [], traced: traced)
        func read(_ memory: GuardedMemory, _ what: String) throws -> [UInt8] {
            let (content, damage) = try memory.read()
            if let damage { outcome.overwritten.append("memory outside \(what): \(damage)") }
            return content
        }
        func name(_ value: Int) -> String { graph.values[value].name }
        for (index, memory) in inputs.enumerated() {
            let what = "input '\(name(graph.inputs[index]))'"
            if try read(memory, what) != trial.inputs[index] { outcome.overwritten.append("\(what), which is not its to write") }
        }
        for (index, memory) in outputs.enumerated() { outcome.outputs.append(try read(memory, "output '\(name(graph.outputs[index]))'")) }
        for (index, memory) in states.enumerated() { outcome.states.append(try read(memory, "state '\(graph.states[index].name)'")) }
        return outcome
    }
}
