import CHadalKernels
import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph

/// Planned instructions with their memory laid out: plain arrays that the pool runs through.
final class InstructionStream: @unchecked Sendable {
    /// A tensor whose pointer or rows change from run to run.
    struct Patch {
        enum Source { case input(Int), output(Int) }
        var tensor: Int
        var source: Source
    }

    let instructions: UnsafeBufferPointer<Instruction>
    /// The same, to exchange kernels in.
    private let list: UnsafeMutableBufferPointer<Instruction>
    /// The name of each instruction's kernel.
    private let names: [String]
    /// What instructions prefetch.
    private let prefetches: ConstantArray<WeightPrefetch>
    private let isa: InstructionSet
    /// Pointers rather than buffer pointers: writing a field through the latter allocates in a debug build.
    let tensors: UnsafeMutablePointer<hadal_kernel_tensor>
    let patches: ConstantArray<Patch>
    /// Tensors whose rows follow a symbol.
    let varying: ConstantArray<Int>
    let states: UnsafeMutablePointer<hadal_kernel_state>
    /// Index of the graph's state, for each of `states`.
    let stateSources: ConstantArray<Int>
    let step: UnsafeMutablePointer<hadal_step>
    let arenaBytes: Int
    private(set) var scratchBytes: Int
    let barriers: Int
    private let arguments: UnsafeMutablePointer<hadal_kernel_args>
    private let attributes: UnsafeMutablePointer<hadal_kernel_attribute>
    private let arena: HostMemory?
    private let streams: [ExpertStream]
    /// Of each of `varying`.
    private let upperRows: [Int]

    /// - Parameters:
    ///   - slots: bytes of each arena slot.
    ///   - device: lends the arena, and says which instructions there are.
    init(
        _ plan: [PlannedInstruction], slots: [Int], states stateSpecs: [hadal_kernel_state], bounds: Segment.Bounds, on device: CPUDevice
    ) throws {
        let isa = device.configuration.isa
        let spans = Self.spans(plan)
        var lifetimes = [ClosedRange<Int>?](repeating: nil, count: slots.count)
        for (index, instruction) in plan.enumerated() {
            for tensor in instruction.inputs + instruction.outputs {
                guard case .slot(let slot) = tensor.home else { continue }
                // Instructions of a stream run in turns: what one of them touches, all of them keep.
                lifetimes[slot] = min(lifetimes[slot]?.lowerBound ?? index, spans[index].lowerBound)...spans[index].upperBound
            }
        }
        let layout = try Arena(sizes: slots, lifetimes: lifetimes)
        arenaBytes = layout.bytes
        let arena = layout.bytes > 0 ? try device.arena(bytes: layout.bytes) : nil
        self.arena = arena

        tensors = .allocate(capacity: plan.reduce(0) { $0 + $1.inputs.count + $1.outputs.count })
        states = .allocate(capacity: plan.reduce(0) { $0 + $1.states.count })
        attributes = .allocate(capacity: plan.reduce(0) { $0 + $1.attributes.count })
        arguments = .allocate(capacity: max(plan.count, 1))
        step = .allocate(capacity: 1)
        step.initialize(to: hadal_step())
        let list = UnsafeMutableBufferPointer<Instruction>.allocate(capacity: plan.count)

        var patches: [Patch] = [], varying: [Int] = [], upperRows: [Int] = [], stateSources: [Int] = []
        var nextTensor = 0, nextAttribute = 0, scratch = 0, barriers = 1
        var hazards = Hazards()
        for (index, planned) in plan.enumerated() {
            let firstTensor = nextTensor, firstState = stateSources.count, firstAttribute = nextAttribute
            for tensor in planned.inputs + planned.outputs {
                var made = hadal_kernel_tensor()
                made.columns = Int64(tensor.columns)
                made.stride = Int64(tensor.stride)
                made.dtype = tensor.dtype
                made.packing = tensor.packing
                switch tensor.rows {
                case .fixed(let n): made.rows = Int64(n)
                case .symbol(let symbol):
                    made.rows = Int64(bounds[symbol])
                    made.symbol = symbol.rawValue
                    varying.append(nextTensor)
                    upperRows.append(bounds[symbol])
                }
                switch tensor.home {
                case .slot(let slot): made.data = arena.map { $0.pointer + layout.offsets[slot] }
                case .constant(let pointer): made.data = pointer
                case .input(let i): patches.append(Patch(tensor: nextTensor, source: .input(i)))
                case .output(let i): patches.append(Patch(tensor: nextTensor, source: .output(i)))
                case .absent: break
                }
                (tensors + nextTensor).initialize(to: made)
                nextTensor += 1
            }
            for state in planned.states {
                (states + stateSources.count).initialize(to: stateSpecs[state])
                stateSources.append(state)
            }
            for attribute in planned.attributes {
                (attributes + nextAttribute).initialize(to: attribute)
                nextAttribute += 1
            }
            let call = hadal_kernel_args(
                size: UInt32(MemoryLayout<hadal_kernel_args>.size), input_count: UInt32(planned.inputs.count),
                output_count: UInt32(planned.outputs.count), state_count: UInt32(planned.states.count),
                attribute_count: UInt32(planned.attributes.count), reserved: 0,
                inputs: UnsafePointer(tensors + firstTensor),
                outputs: UnsafePointer(tensors + firstTensor + planned.inputs.count),
                states: UnsafePointer(states + firstState),
                attributes: UnsafePointer(attributes + firstAttribute), step: UnsafePointer(step))
            (arguments + index).initialize(to: call)
            if let wanted = planned.kernel.pointee.scratch_bytes { scratch = max(scratch, Int(wanted(arguments + index))) }

            let startsStream = planned.stream != nil && spans[index].lowerBound == index
            let needsBarrier = hazards.add(planned, layout, slots) || startsStream
            if needsBarrier { barriers += 1 }
            list.initializeElement(
                at: index,
                to: Instruction(
                    function: try Self.function(planned.kernel, isa), arguments: UnsafePointer(arguments + index),
                    node: UInt32(planned.node), barrier: needsBarrier,
                    stream: startsStream ? planned.stream.map { Unmanaged.passUnretained($0) } : nil,
                    span: startsStream ? spans[index].count : 1))
        }
        let prefetched = Self.weightPrefetches(plan, barriers: list.map(\.barrier))
        prefetches = ConstantArray(prefetched.flatMap(\.value))
        var next = 0
        for (index, wanted) in prefetched {
            list[index].prefetches = UnsafePointer(prefetches.pointer + next)
            list[index].prefetchCount = wanted.count
            next += wanted.count
        }
        instructions = UnsafeBufferPointer(list)
        self.list = list
        self.isa = isa
        names = plan.map { String(cString: $0.kernel.pointee.name) }
        streams = plan.compactMap(\.stream)
        self.patches = ConstantArray(patches)
        self.varying = ConstantArray(varying)
        self.upperRows = upperRows
        self.stateSources = ConstantArray(stateSources)
        scratchBytes = scratch
        self.barriers = barriers
    }

    deinit {
        instructions.deallocate()
        prefetches.deallocate()
        patches.deallocate()
        varying.deallocate()
        stateSources.deallocate()
        tensors.deallocate()
        states.deallocate()
        attributes.deallocate()
        arguments.deallocate()
        step.deallocate()
    }

    /// Scratch that each thread needs once `kernels` have taken the place of those with their names. Not during a run.
    func scratchBytes(with kernels: [String: UnsafePointer<hadal_kernel>]) -> Int {
        var bytes = scratchBytes
        // The rows of the last step stand there; scratch is for the upper bounds.
        for index in 0..<varying.count { tensors[varying.pointer[index]].rows = Int64(upperRows[index]) }
        for (index, name) in names.enumerated() {
            if let wanted = kernels[name]?.pointee.scratch_bytes { bytes = max(bytes, Int(clamping: wanted(arguments + index))) }
        }
        return bytes
    }

    /// Puts kernels in the place of those with their names: all of them or, when one of them cannot serve, none. Not during a run, and with scratch
    /// reserved.
    func replace(_ kernels: [String: UnsafePointer<hadal_kernel>], scratchBytes: Int) throws {
        let functions = try kernels.mapValues { try Self.function($0, isa) }
        for (index, name) in names.enumerated() { if let function = functions[name] { list[index].function = function } }
        self.scratchBytes = scratchBytes
    }

    /// For barriers, the packed weights that are read between it and the next barrier before which weights have been read.
    private static func weightPrefetches(_ plan: [PlannedInstruction], barriers: [Bool]) -> [(index: Int, value: [WeightPrefetch])] {
        var prefetches: [(index: Int, value: [WeightPrefetch])] = []
        for (index, planned) in plan.enumerated() {
            if barriers[index], prefetches.last?.value.isEmpty != true { prefetches.append((index, [])) }
            // Which expert is read is not known yet.
            guard !prefetches.isEmpty, planned.prefetchesWeights else { continue }
            for tensor in planned.inputs where tensor.packing != 0 {
                guard case .constant(let pointer) = tensor.home, case .fixed(let rows) = tensor.rows else { continue }
                let bytes = Int(hadal_packed_group_bytes(tensor.packing & 255, Int64(tensor.columns)))
                prefetches[prefetches.count - 1].value.append(
                    WeightPrefetch(base: pointer, groups: (rows - 1) / Int(HADAL_PACK_ROWS) + 1, groupBytes: bytes))
            }
        }
        return prefetches
    }

    /// For each instruction, those that run with it.
    private static func spans(_ plan: [PlannedInstruction]) -> [ClosedRange<Int>] {
        var spans = plan.indices.map { $0...$0 }
        for index in plan.indices where plan[index].stream != nil {
            var last = index
            while last + 1 < plan.count, plan[last + 1].stream === plan[index].stream { last += 1 }
            var first = index
            while first > 0, plan[first - 1].stream === plan[index].stream { first -= 1 }
            spans[index] = first...last
        }
        return spans
    }

    /// Why the last run failed, if it did.
    var failure: HadalError? { streams.lazy.compactMap(\.failure).first }

    /// The strongest variant that runs where `isa` does.
    static func function(_ kernel: UnsafePointer<hadal_kernel>, _ isa: InstructionSet) throws -> Instruction.Function {
        let variants = kernel.pointee.variants
        let all = [variants.0, variants.1, variants.2, variants.3, variants.4]
        guard let function = isa.runnable.reversed().compactMap({ all[Int($0.rawValue)] }).first else {
            throw HadalError(.unsupported, "kernel '\(String(cString: kernel.pointee.name))' has no variant for \(isa.name)")
        }
        return function
    }
}

/// What has been read and written since the threads last met.
private struct Hazards {
    private enum Place: Hashable { case arena, input(Int), output(Int), state(Int) }
    private struct Span {
        var place: Place
        var range: Range<Int>
        func overlaps(_ other: Span) -> Bool { place == other.place && range.overlaps(other.range) }
    }
    private var reads: [Span] = []
    private var writes: [Span] = []

    /// Whether the instruction must wait for those before it: it touches what they write, or writes what they read.
    mutating func add(_ instruction: PlannedInstruction, _ layout: Arena, _ slots: [Int]) -> Bool {
        func span(_ tensor: PlannedTensor) -> Span? {
            switch tensor.home {
            case .slot(let slot): Span(place: .arena, range: layout.offsets[slot]..<layout.offsets[slot] + max(slots[slot], 1))
            case .input(let i): Span(place: .input(i), range: 0..<1)
            case .output(let i): Span(place: .output(i), range: 0..<1)
            case .constant, .absent: nil
            }
        }
        let states = instruction.states.map { Span(place: .state($0), range: 0..<1) }
        let inputs = instruction.inputs.compactMap(span) + (instruction.writesStates ? [] : states)
        let outputs = instruction.outputs.compactMap(span) + (instruction.writesStates ? states : [])
        let conflict =
            inputs.contains { input in writes.contains { $0.overlaps(input) } }
            || outputs.contains { output in writes.contains { $0.overlaps(output) } || reads.contains { $0.overlaps(output) } }
        if conflict {
            reads = []
            writes = []
        }
        reads += inputs
        writes += outputs
        return conflict
    }
}
