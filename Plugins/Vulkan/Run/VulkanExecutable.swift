import CHadalPlugin
import CVulkan
import HadalBackend
import HadalCore
import HadalGraph

/// A segment compiled for a Vulkan device: weights uploaded, one command buffer recorded, replayed every step.
///
/// A step writes its tables and the workgroup counts of every dispatch into memory that the device reads, and submits. Nothing is
/// recorded again, whatever the step's extents are.
/// Thread safety: one `execute` at a time, and one of all executables of a device.
final class VulkanExecutable: Executable, @unchecked Sendable {
    let info: ExecutableInfo
    private let context: DeviceContext
    private let transfer: Transfer
    private let bounds: Segment.Bounds
    private let pageTokens: Int
    private let pageCapacity: Int
    private let dispatches: [Dispatch]
    private let grids: [Grid]
    private let copies: [(from: Dispatch.Place, output: Int)]
    private let inputs: [(dims: [Dim], bytes: Int)]
    private let outputs: [(dims: [Dim], bytes: Int)]
    private let indexInputs: [(input: Int, limit: Int)]
    private let statePageBytes: [Int]

    private let weights: [DeviceMemory]
    private let arena: DeviceMemory
    private let arguments: DeviceMemory
    private let step: DeviceMemory
    private let indirect: DeviceMemory
    /// Where each dispatch's arguments begin.
    private let offsets: [Int]
    private var commands: VkCommandBuffer?
    /// Addresses that the arguments hold for what the host binds; the commands are recorded for these.
    private var bound: [Dispatch.Place: UInt64] = [:]
    private var boundBuffers: [Dispatch.Place: VulkanBuffer] = [:]
    private let barriers: Int
    /// Room for the token ids of a step, which are checked before they index a table.
    private let ids: UnsafeMutableBufferPointer<Int32>

    init(_ segment: Segment, on device: VulkanDevice) throws {
        let context = device.context
        guard segment.bounds.tokens >= 0, segment.bounds.sequences >= 0, segment.bounds.rows >= 0, segment.pageTokens > 0 else {
            throw HadalError(.invalidArgument, "impossible bounds of a segment")
        }
        let limits = context.physical.limits.maxComputeWorkGroupCount
        let store = WeightStore(segment, device.transfer)
        var lowering = try Lowering(segment, catalogue: device.catalogue, pipelines: device.pipelines, store: store, limits: limits)
        try lowering.lower()
        self.context = context
        transfer = device.transfer
        bounds = segment.bounds
        pageTokens = segment.pageTokens
        dispatches = lowering.dispatches
        grids = lowering.grids
        copies = lowering.copies
        let graph = segment.graph
        func extent(_ value: Int) -> (dims: [Dim], bytes: Int) {
            let dims = graph.values[value].dims
            return (dims, dims.reduce(4) { product, dim in if case .fixed(let n) = dim { product * n } else { product } })
        }
        inputs = graph.inputs.map(extent)
        outputs = graph.outputs.map(extent)
        indexInputs = Self.indexInputs(graph)
        statePageBytes = graph.states.map { segment.pageBytes(of: $0) }

        // A page list is at most what every sequence would need for its longest cache; the host's is never longer in practice.
        pageCapacity = max(segment.bounds.sequences, 1) * 1 << 14
        weights = store.memory
        arena = try DeviceMemory(context, bytes: lowering.arena.bytes, purpose: .device)
        step = try DeviceMemory(context, bytes: 4 * StepTables.words(bounds: bounds, pages: pageCapacity), purpose: .step)
        indirect = try DeviceMemory(context, bytes: 12 * max(dispatches.count, 1), purpose: .step)
        var offsets: [Int] = []
        var size = 0
        for dispatch in dispatches {
            offsets.append(size)
            let bytes = dispatch.values.reduce(0) { if case .word = $1 { $0 + 4 } else { $0 + 8 } }
            size += (bytes + 15) & ~15
        }
        self.offsets = offsets
        arguments = try DeviceMemory(context, bytes: size, purpose: .device)
        guard step.pointer != nil, indirect.pointer != nil else {
            throw HadalError(.unsupported, "\(context.physical.name) has no memory that the host can write")
        }
        ids = .allocate(capacity: max(bounds.tokens, 1))
        barriers = Self.barriers(dispatches).filter { $0 }.count
        info = ExecutableInfo(
            keepsWeights: false, weightBytes: store.bytes, scratchBytes: arena.bytes + arguments.bytes + step.bytes + indirect.bytes,
            barriersPerStep: barriers)
    }

    deinit {
        if let commands { context.release(commands) }
        ids.deallocate()
    }

    private static func indexInputs(_ graph: Graph) -> [(input: Int, limit: Int)] {
        graph.nodes.compactMap { node in
            guard node.op == "embedding", case .value(let value) = node.inputs[0], case .weight(let weight) = node.inputs[1],
                let input = graph.inputs.firstIndex(of: value)
            else { return nil }
            return (input, graph.weights[weight].dims[0])
        }
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

    private func address(_ place: Dispatch.Place) throws -> UInt64 {
        if case .arena(let range) = place { return arena.address + UInt64(range.lowerBound) }
        guard let address = bound[place] else { throw HadalError(.invalidArgument, "\(place) is not bound") }
        return address
    }

    private func writeArguments() throws {
        var bytes = [UInt8](repeating: 0, count: arguments.bytes)
        try bytes.withUnsafeMutableBytes { block in
            for (dispatch, offset) in zip(dispatches, offsets) {
                var at = offset
                for value in dispatch.values {
                    switch value {
                    case .address(let address):
                        block.storeBytes(of: address, toByteOffset: at, as: UInt64.self)
                        at += 8
                    case .place(let place):
                        block.storeBytes(of: try address(place), toByteOffset: at, as: UInt64.self)
                        at += 8
                    case .word(let word):
                        block.storeBytes(of: word, toByteOffset: at, as: UInt32.self)
                        at += 4
                    }
                }
            }
        }
        try bytes.withUnsafeBytes { try transfer.write($0, to: arguments, offset: 0) }
    }

    private func record() throws -> VkCommandBuffer {
        let waits = Self.barriers(dispatches)
        let calls = context.functions.pointee
        return try context.makeCommands { commands in
            context.barrier(commands)
            var pipeline: VkPipeline?
            for (i, dispatch) in dispatches.enumerated() {
                if waits[i] { context.barrier(commands) }
                if dispatch.pipeline != pipeline {
                    calls.CmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, dispatch.pipeline)
                    pipeline = dispatch.pipeline
                }
                var push = (arguments.address + UInt64(offsets[i]), step.address)
                withUnsafeBytes(of: &push) {
                    calls.CmdPushConstants(commands, context.layout, UInt32(VK_SHADER_STAGE_COMPUTE_BIT.rawValue), 0, UInt32($0.count), $0.baseAddress)
                }
                calls.CmdDispatchIndirect(commands, indirect.buffer, VkDeviceSize(12 * i))
            }
            context.hostBarrier(commands)
        }
    }

    /// Takes over what the host has bound; records anew when anything lies elsewhere than before.
    private func bind(_ execution: Execution) throws {
        var changed = commands == nil
        func take(_ place: Dispatch.Place, _ binding: hadal_binding) throws {
            guard let handle = binding.buffer else { throw HadalError(.invalidArgument, "the Vulkan backend computes on its own buffers, not on host memory") }
            let buffer = Unmanaged<VulkanBuffer>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
            let address = buffer.memory.address + binding.offset
            if bound[place] != address {
                bound[place] = address
                boundBuffers[place] = buffer
                changed = true
            }
        }
        for i in execution.inputs.indices { try take(.input(i), execution.inputs[i]) }
        for i in execution.outputs.indices { try take(.output(i), execution.outputs[i]) }
        for i in execution.states.indices { try take(.state(i), execution.states[i]) }
        guard changed else { return }
        if let commands { context.release(commands) }
        commands = nil
        try writeArguments()
        commands = try record()
    }

    // MARK: Running

    func execute(_ execution: Execution) throws {
        guard execution.inputs.count == inputs.count, execution.outputs.count == outputs.count, execution.states.count == statePageBytes.count
        else { throw HadalError(.invalidArgument, "the bindings do not match the segment's inputs, outputs and states") }
        if let cancel = execution.cancel, cancel.pointee != 0 { throw HadalError(.cancelled, "the step was cancelled") }
        try bind(execution)
        guard let commands, let words = step.pointer, let counts = indirect.pointer else { throw HadalError(.backend, "nothing was recorded") }
        let now = execution.step.pointee
        try StepTables.write(
            now, to: words.assumingMemoryBound(to: UInt32.self), bounds: bounds, pageTokens: pageTokens, pageCapacity: pageCapacity)
        try check(execution, now)
        let groups = counts.assumingMemoryBound(to: UInt32.self)
        for i in grids.indices {
            let at = 3 * extent(grids[i].symbol, now)
            for axis in 0..<3 { groups[3 * i + axis] = grids[i].groups[at + axis] }
        }
        try context.run(commands)
        for copy in copies { try self.copy(copy, now) }
    }

    private func extent(_ symbol: Dim.Symbol?, _ step: hadal_step) -> Int {
        switch symbol {
        case .tokens: Int(step.tokens)
        case .sequences: Int(step.sequence_count)
        case .rows: Int(step.rows)
        case nil: 0
        }
    }

    private func live(_ spec: (dims: [Dim], bytes: Int), _ step: hadal_step) -> Int {
        spec.dims.reduce(spec.bytes) { product, dim in if case .symbol(let symbol) = dim { product * extent(symbol, step) } else { product } }
    }

    private func check(_ execution: Execution, _ step: hadal_step) throws {
        for i in inputs.indices where execution.inputs[i].bytes < UInt64(live(inputs[i], step)) {
            throw HadalError(.invalidArgument, "input \(i) is bound to \(execution.inputs[i].bytes) bytes and needs \(live(inputs[i], step))")
        }
        for i in outputs.indices where execution.outputs[i].bytes < UInt64(live(outputs[i], step)) {
            throw HadalError(.invalidArgument, "output \(i) is bound to \(execution.outputs[i].bytes) bytes and needs \(live(outputs[i], step))")
        }
        let pages = (0..<Int(step.page_list_count)).lazy.compactMap { step.pages?[$0] }.max() ?? 0
        for i in statePageBytes.indices where step.page_list_count > 0 {
            guard UInt64(pages) < execution.states[i].bytes / UInt64(max(statePageBytes[i], 1)) else {
                throw HadalError(.invalidArgument, "page \(pages) is outside state \(i)")
            }
        }
        for (input, limit) in indexInputs {
            guard let buffer = boundBuffers[.input(input)] else { continue }
            let count = min(live(inputs[input], step) / 4, ids.count)
            try buffer.read(offset: Int(execution.inputs[input].offset), into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(ids)[..<(4 * count)]))
            for i in 0..<count where ids[i] < 0 || Int(ids[i]) >= limit {
                throw HadalError(.invalidArgument, "token id \(ids[i]) is outside a vocabulary of \(limit)")
            }
        }
    }

    private func copy(_ copy: (from: Dispatch.Place, output: Int), _ step: hadal_step) throws {
        guard let target = boundBuffers[.output(copy.output)] else { return }
        let bytes = live(outputs[copy.output], step)
        switch copy.from {
        case .arena(let range): try transfer.copy(from: arena, range.lowerBound, to: target.memory, 0, bytes)
        default:
            guard let source = boundBuffers[copy.from] else { return }
            try transfer.copy(from: source.memory, 0, to: target.memory, 0, bytes)
        }
    }
}
