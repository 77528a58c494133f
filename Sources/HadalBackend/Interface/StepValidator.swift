import CHadalPlugin
import HadalCore
import HadalGraph

/// Checks every step against the segment that was compiled, before a backend sees it.
///
/// A backend may rely on this:
/// - there is a binding for each input, output and state of the graph, of the memory that the backend takes; inputs and outputs have
///   room for their extents in this step;
/// - the step has no more tokens, sequences and rows than the segment's bounds;
/// - a sequence's tokens lie in the step, its pages in the page list, and no token belongs to two sequences;
/// - where the segment has states, each token belongs to a sequence, each sequence has a page for each of its tokens, cached and new, and
///   each listed page lies within each state with a row for each token;
/// - where it has states of fixed size, each sequence with new tokens has a slot in each of them to write, and with a past another one to
///   read; what a sequence writes no other reads or writes;
/// - token ids that are an input of the graph are rows of the table that `embedding` takes them from.
///
/// `check` takes time linear in tokens, sequences, pages and bindings, and allocates nothing unless it throws.
/// Thread safety: one `check` at a time, like `Executable.execute`.
public final class StepValidator: @unchecked Sendable {
    /// What bindings point to: memory of the host, or buffers of the device.
    public enum Memory: Sendable { case host, device }

    /// How much is checked. A plugin checks for itself, on its side of the ABI.
    enum Scope: Int {
        /// That there are as many bindings as the segment has inputs, outputs and states.
        case counts
        /// That the step is within the bounds, too.
        case extents
        case everything
    }

    private let scope: Scope
    private let memory: Memory
    private let bounds: Segment.Bounds
    private let pageTokens: Int
    private let counts: (inputs: Int, outputs: Int, states: Int)
    // Empty where only counts or extents are checked.
    private let inputs: [Extent]
    private let outputs: [Extent]
    private let states: [PageSize]
    /// Whether some state has a row for each token, and whether some is of fixed size.
    private let hasPages: Bool
    private let hasSlots: Bool
    private let indices: [Index]
    /// For each token of the step, the last check that found a sequence for it.
    private let claims: UnsafeMutableBufferPointer<UInt32>
    private var checks: UInt32 = 0
    /// Room for token ids that lie in a device's memory.
    private let room: UnsafeMutableBufferPointer<Int32>

    /// - Parameter memory: what the backend's executables are bound to.
    /// - Throws: `invalidArgument` for bounds, pages or extents that no step can have.
    public convenience init(_ segment: Segment, memory: Memory) throws { try self.init(segment, memory: memory, scope: .everything) }

    /// For an executable that passes its steps on to one that checks them.
    package convenience init(passingOn segment: Segment) throws { try self.init(segment, memory: .host, scope: .counts) }

    init(_ segment: Segment, memory: Memory, scope: Scope) throws {
        let (graph, bounds) = (segment.graph, segment.bounds)
        let possible = [bounds.tokens, bounds.sequences, bounds.rows].allSatisfy((0...Self.largest).contains)
        guard possible, (1...1 << 20).contains(segment.pageTokens) else {
            throw HadalError(
                .invalidArgument,
                "impossible bounds of a segment: \(bounds.tokens) tokens, \(bounds.sequences) sequences, \(bounds.rows) rows, "
                    + "\(segment.pageTokens) tokens a page")
        }
        self.scope = scope
        self.memory = memory
        self.bounds = bounds
        pageTokens = segment.pageTokens
        let checksAll = scope == .everything
        let inputs = checksAll ? try graph.inputs.map { try Extent($0, of: graph, bounds) } : []
        let indices = checksAll ? Index.all(in: graph) : []
        (self.inputs, self.indices) = (inputs, indices)
        outputs = checksAll ? try graph.outputs.map { try Extent($0, of: graph, bounds) } : []
        states = checksAll ? try graph.states.map { try PageSize($0, segment) } : []
        hasPages = states.contains { !$0.isFixed }
        hasSlots = states.contains(where: \.isFixed)
        counts = (graph.inputs.count, graph.outputs.count, graph.states.count)
        claims = .allocate(capacity: checksAll ? bounds.tokens : 0)
        claims.initialize(repeating: 0)
        let lengths = indices.map { inputs[$0.input].bytes(bounds.tokens, bounds.sequences, bounds.rows) / 4 }
        room = .allocate(capacity: memory == .device ? lengths.max() ?? 0 : 0)
        room.initialize(repeating: 0)
    }

    /// Far more than a step ever has, and little enough that extents do not overflow.
    private static let largest = 1 << 24

    deinit {
        claims.deallocate()
        room.deallocate()
    }

    /// - Throws: `invalidArgument`, with what is wrong.
    public func check(_ execution: Execution) throws -> CheckedStep {
        guard execution.inputs.count == counts.inputs, execution.outputs.count == counts.outputs,
            execution.states.count == counts.states
        else {
            throw HadalError(
                .invalidArgument,
                "the segment has \(counts.inputs) inputs, \(counts.outputs) outputs and \(counts.states) states; bound were "
                    + "\(execution.inputs.count), \(execution.outputs.count) and \(execution.states.count)")
        }
        if scope != .counts {
            let step = execution.step.pointee
            try checkExtents(step)
            if scope == .everything {
                try checkSequences(step)
                for i in inputs.indices { try check(execution.inputs[i], inputs[i], step, "input") }
                for i in outputs.indices { try check(execution.outputs[i], outputs[i], step, "output") }
                try checkPages(execution.states, step)
                for index in indices { try check(index, execution.inputs[index.input], step) }
            }
        }
        return CheckedStep(checked: execution)
    }

    private func checkExtents(_ step: hadal_step) throws {
        guard Int(step.tokens) <= bounds.tokens, Int(step.sequence_count) <= bounds.sequences, Int(step.rows) <= bounds.rows else {
            throw HadalError(
                .invalidArgument,
                "a step of \(step.tokens) tokens, \(step.sequence_count) sequences and \(step.rows) rows is beyond the bounds "
                    + "\(bounds.tokens), \(bounds.sequences) and \(bounds.rows)")
        }
    }

    private func checkSequences(_ step: hadal_step) throws {
        let (tokens, listed) = (Int(step.tokens), Int(step.page_list_count))
        guard step.sequence_count == 0 || step.sequences != nil && Int(step.sequence_stride) >= MemoryLayout<hadal_sequence>.size
        else {
            throw HadalError(.invalidArgument, "the step's sequences are missing")
        }
        guard listed == 0 || step.pages != nil else { throw HadalError(.invalidArgument, "the step's pages are missing") }
        beginClaims()
        var claimed = 0
        for i in 0..<Int(step.sequence_count) {
            let sequence = step.sequence(i)
            let (first, new) = (Int(sequence.first_token), Int(sequence.token_count))
            let (firstPage, pages) = (Int(sequence.first_page), Int(sequence.page_count))
            guard first <= tokens, new <= tokens - first else {
                throw HadalError(.invalidArgument, "sequence \(i) has tokens \(first)+\(new) of a step of \(tokens)")
            }
            guard firstPage <= listed, pages <= listed - firstPage else {
                throw HadalError(.invalidArgument, "sequence \(i) has pages \(firstPage)+\(pages) of a list of \(listed)")
            }
            for token in first..<first + new {
                guard claims[token] != checks else { throw HadalError(.invalidArgument, "token \(token) is in two sequences") }
                claims[token] = checks
            }
            claimed += new
            guard hasPages else { continue }
            let length = Int(sequence.past) + new
            let needed = (length + pageTokens - 1) / pageTokens
            guard needed <= pages else {
                throw HadalError(.invalidArgument, "sequence \(i) has \(pages) pages, but its \(length) tokens need \(needed)")
            }
        }
        guard states.isEmpty || claimed == tokens else {
            let token = claims.firstIndex { $0 != checks } ?? 0
            throw HadalError(.invalidArgument, "token \(token) belongs to no sequence of the step")
        }
        if hasSlots { try checkSlots(step) }
    }

    /// That what a sequence writes is its own.
    private func checkSlots(_ step: hadal_step) throws {
        for i in 0..<Int(step.sequence_count) {
            let sequence = step.sequence(i)
            guard sequence.token_count > 0 else { continue }
            for j in 0..<Int(step.sequence_count) {
                let other = step.sequence(j)
                guard other.token_count > 0,
                    i != j && other.slot_after == sequence.slot_after || other.past > 0 && other.slot_before == sequence.slot_after
                else { continue }
                throw HadalError(.invalidArgument, "slot \(sequence.slot_after), which sequence \(i) writes, is also that of sequence \(j)")
            }
        }
    }

    private func beginClaims() {
        checks &+= 1
        if checks == 0 {
            claims.update(repeating: 0)
            checks = 1
        }
    }

    private func check(_ binding: hadal_binding, _ extent: Extent, _ step: hadal_step, _ role: StaticString) throws {
        try checkKind(binding, role, extent.name)
        try checkRange(binding, role, extent.name)
        let needed = extent.bytes(Int(step.tokens), Int(step.sequence_count), Int(step.rows))
        guard binding.bytes >= UInt64(needed) else {
            throw HadalError(.invalidArgument, "\(role) '\(extent.name)' needs \(needed) bytes but is bound to \(binding.bytes)")
        }
    }

    private func checkKind(_ binding: hadal_binding, _ role: StaticString, _ name: String) throws {
        switch memory {
        case .host:
            guard binding.host != nil else { throw HadalError(.invalidArgument, "\(role) '\(name)' is not bound to host memory") }
        case .device:
            guard binding.buffer != nil else {
                throw HadalError(.invalidArgument, "\(role) '\(name)' is not bound to a buffer of the device")
            }
        }
    }

    private func checkRange(_ binding: hadal_binding, _ role: StaticString, _ name: String) throws {
        let (end, overflow) = binding.offset.addingReportingOverflow(binding.bytes)
        guard !overflow, end <= UInt64(Int.max) else {
            throw HadalError(.invalidArgument, "\(role) '\(name)' is bound to \(binding.bytes) bytes from \(binding.offset) on")
        }
    }

    private func checkPages(_ bindings: UnsafeBufferPointer<hadal_binding>, _ step: hadal_step) throws {
        var last: UInt32 = 0
        if !states.isEmpty, let pages = step.pages { for i in 0..<Int(step.page_list_count) { last = max(last, pages[i]) } }
        for (i, state) in states.enumerated() {
            try checkRange(bindings[i], "state", state.name)
            // Without pages or new tokens nothing is read or written.
            guard state.isFixed ? step.tokens > 0 : step.page_list_count > 0 else { continue }
            try checkKind(bindings[i], "state", state.name)
            let available = bindings[i].bytes / UInt64(state.bytes), used = state.isFixed ? lastSlot(of: step) : last
            guard UInt64(used) < available else {
                let what = state.isFixed ? "slot" : "page"
                throw HadalError(.invalidArgument, "\(what) \(used) is outside state '\(state.name)', which holds \(available)")
            }
        }
    }

    private func lastSlot(of step: hadal_step) -> UInt32 {
        (0..<Int(step.sequence_count)).reduce(0) { last, i in
            let sequence = step.sequence(i)
            guard sequence.token_count > 0 else { return last }
            return max(last, sequence.slot_after, sequence.past > 0 ? sequence.slot_before : 0)
        }
    }

    private func check(_ index: Index, _ binding: hadal_binding, _ step: hadal_step) throws {
        let count = inputs[index.input].bytes(Int(step.tokens), Int(step.sequence_count), Int(step.rows)) / 4
        let offset = Int(binding.offset)
        var base = UnsafeRawPointer(room.baseAddress)
        switch memory {
        case .host: base = binding.host.map { UnsafeRawPointer($0 + offset) }
        case .device:
            guard let handle = binding.buffer,
                let buffer = Unmanaged<AnyObject>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue() as? any Buffer
            else { throw HadalError(.invalidArgument, "input '\(inputs[index.input].name)' is not bound to a buffer of the device") }
            try buffer.read(offset: offset, into: UnsafeMutableRawBufferPointer(start: room.baseAddress, count: 4 * count))
        }
        guard let base else { return }
        for i in 0..<count {
            let id = base.loadUnaligned(fromByteOffset: 4 * i, as: Int32.self)
            guard id >= 0, Int(id) < index.vocabulary else {
                throw HadalError(.invalidArgument, "token id \(id) is outside a vocabulary of \(index.vocabulary)")
            }
        }
    }
}
