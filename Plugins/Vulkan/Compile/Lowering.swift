import CVulkan
import HadalBackend
import HadalCore
import HadalGraph

/// Turns a segment into dispatches, one for each stage of each node, following the contracts alone.
///
/// It outlives the compilation, so that the kernel of an op can be replaced: places of values and weights stay as they are.
struct Lowering {
    let segment: Segment
    private let device: VulkanDevice
    private let store: WeightStore
    private(set) var arena = Arena()
    private var homes: [Dispatch.Place?]
    /// Of each node with a kernel that needs any.
    private var scratch: [Int: [(elements: Int, place: Dispatch.Place)]] = [:]
    private var lastUse: [Int]

    private var graph: Graph { segment.graph }

    init(_ segment: Segment, on device: VulkanDevice, store: WeightStore) {
        self.segment = segment
        self.device = device
        self.store = store
        let graph = segment.graph
        homes = Array(repeating: nil, count: graph.values.count)
        lastUse = Array(repeating: -1, count: graph.values.count)
        for (i, value) in graph.inputs.enumerated() { homes[value] = .input(i) }
        for (i, value) in graph.outputs.enumerated() where homes[value] == nil { homes[value] = .output(i) }
        for (i, node) in graph.nodes.enumerated() {
            for case .value(let value) in node.inputs { lastUse[value] = i }
        }
    }

    /// The dispatches of every node, in order.
    mutating func lower() throws -> [Dispatch] {
        var dispatches: [Dispatch] = []
        for index in graph.nodes.indices {
            do {
                let kernel = try device.kernels.kernel(of: graph.nodes[index].op)
                let use = try KernelUse(index, of: segment, contract: kernel.contract)
                for output in use.node.outputs where homes[output] == nil { homes[output] = .arena(arena.take(try upperBytes(output))) }
                try takeScratch(index, use)
                dispatches += try self.dispatches(index, use, kernel)
                for (_, place) in scratch[index] ?? [] { if case .arena(let range) = place { arena.give(range) } }
                for operand in Set(use.node.inputs) {
                    if case .value(let value) = operand, lastUse[value] == index { release(value) }
                }
                for output in Set(use.node.outputs) where lastUse[output] < 0 { release(output) }
            } catch let error as HadalError {
                throw HadalError(error.code, "\(graph.nodes[index].label): \(error.message)", at: error.place, hint: error.hint)
            }
        }
        return dispatches
    }

    /// The same dispatches with those of one op made from another kernel.
    func replacing(_ kernel: Kernel, in dispatches: [Dispatch]) throws -> [Dispatch] {
        var made: [Dispatch] = []
        for index in graph.nodes.indices {
            guard graph.nodes[index].op == kernel.contract.name else {
                made += dispatches.filter { $0.node == index }
                continue
            }
            let use = try KernelUse(index, of: segment, contract: kernel.contract)
            guard try scratchElements(use) == (scratch[index] ?? []).map(\.elements) else {
                throw HadalError(
                    .unsupported, "the new kernel of \(kernel.contract.name) needs other scratch memory", hint: "reload the model")
            }
            made += try self.dispatches(index, use, kernel)
        }
        return made
    }

    /// Copies that must follow: outputs whose value lives elsewhere.
    var copies: [(from: Dispatch.Place, output: Int)] {
        graph.outputs.enumerated().compactMap { i, value in
            guard let home = homes[value], home != .output(i) else { return nil }
            return (home, i)
        }
    }

    private func dispatches(_ index: Int, _ whole: KernelUse, _ kernel: Kernel) throws -> [Dispatch] {
        let node = whole.node
        return try parts(whole).flatMap { part in
            let use = part.map { whole.narrowed(to: $0) } ?? whole
            return try use.contract.stages.flatMap { try device.kernels.build($0, of: use, kernel) }.map { built in
                let inputs = part?.operand.map { [node.inputs[$0]] } ?? node.inputs
                let outputs = part?.output.map { [node.outputs[$0]] } ?? node.outputs
                let form = built.stage.variant ?? built.stage.name
                let shared = zip(use.contract.scratch, scratch[index] ?? []).filter { $0.0.stages.isEmpty || $0.0.stages.contains(form) }
                    .map(\.1.place)
                let pipeline = try device.pipelines.pipeline(
                    built.source, try built.source.constants.map { try word(of: $0, use, part, built) })
                return Dispatch(
                    pipeline: pipeline, addresses: try built.source.operands.map { try address(of: $0, use, part, index) },
                    grid: try Grid(
                        built.stage, use, built.parameters, bounds: segment.bounds,
                        limits: device.context.physical.limits.maxComputeWorkGroupCount),
                    reads: inputs.compactMap { if case .value(let v) = $0 { homes[v] } else { nil } } + node.states.map { .state($0) }
                        + shared,
                    writes: outputs.compactMap { homes[$0] } + node.states.map { .state($0) } + shared, node: index)
            }
        }
    }

    private mutating func release(_ value: Int) {
        guard case .arena(let range)? = homes[value], !graph.outputs.contains(value) else { return }
        arena.give(range)
    }

    private func scratchElements(_ use: KernelUse) throws -> [Int] {
        try use.contract.scratch.map { scratch in
            guard let count = try use.evaluate(scratch.elements, varying: { segment.bounds[$0] }).int, count >= 0, count <= Int(UInt32.max)
            else {
                throw HadalError(.unsupported, "'\(scratch.name)' needs \(scratch.elements.text) elements, which is not a valid count")
            }
            return count
        }
    }

    private mutating func takeScratch(_ index: Int, _ use: KernelUse) throws {
        let elements = try scratchElements(use)
        if !elements.isEmpty { scratch[index] = elements.map { ($0, .arena(arena.take($0 * 4))) } }
    }

    /// Of ops that take or give any number of operands: one of these a dispatch. Else a single nil.
    private func parts(_ use: KernelUse) -> [KernelUse.Part?] {
        func width(_ value: Int) -> Int { if case .fixed(let n)? = graph.values[value].dims.last { n } else { 1 } }
        let (contract, node) = (use.contract, use.node)
        var offset = 0
        if contract.inputs.last?.variadic == true {
            let operands = node.inputs.indices.dropFirst(contract.inputs.count - 1)
            let widths = operands.map { operand -> Int in if case .value(let v) = node.inputs[operand] { width(v) } else { 0 } }
            return zip(operands, widths).map { operand, width in
                defer { offset += width }
                return KernelUse.Part(operand: operand, output: nil, offset: offset, width: width, total: widths.reduce(0, +))
            }
        }
        if contract.outputs.contains(where: { $0.count != nil }) {
            let widths = node.outputs.map(width)
            return widths.indices.map { i in
                defer { offset += widths[i] }
                return KernelUse.Part(operand: nil, output: i, offset: offset, width: widths[i], total: widths.reduce(0, +))
            }
        }
        return [nil]
    }

    private func upperBytes(_ value: Int) throws -> Int {
        var elements = 1
        for dim in graph.values[value].dims {
            let extent: Int
            switch dim {
            case .fixed(let n): extent = n
            case .symbol(let symbol): extent = segment.bounds[symbol]
            }
            let (product, overflow) = elements.multipliedReportingOverflow(by: extent)
            guard !overflow, product <= Int(UInt32.max) else {
                throw HadalError(.outOfMemory, "value '\(graph.values[value].name)' is too large to address")
            }
            elements = product
        }
        return elements * 4
    }
}

// What kernels are told.
extension Lowering {
    private func weight(_ input: Int, _ use: KernelUse) throws -> WeightStore.Placed {
        guard case .weight(let index) = use.node.inputs[input] else { throw HadalError(.backend, "input \(input) is not a weight") }
        return try store.place(index, widened: use.contract.inputs[input].dims.count < 2)
    }

    private func address(of operand: KernelSource.Operand, _ use: KernelUse, _ part: KernelUse.Part?, _ index: Int) throws
        -> Dispatch.Address
    {
        let node = use.node
        switch operand {
        case .input(let i):
            switch node.inputs[use.contract.inputs[i].variadic ? part?.operand ?? i : i] {
            case .value(let v):
                guard let home = homes[v] else {
                    throw HadalError(.invalidArgument, "value '\(graph.values[v].name)' is read before it is made")
                }
                return .place(home)
            case .weight: return .fixed(try weight(i, use).address)
            case .none: return .fixed(0)
            }
        case .scales(let i): return .fixed(try weight(i, use).scales?.address ?? 0)
        case .output(let i):
            guard let home = homes[node.outputs[part?.output ?? i]] else { throw HadalError(.backend, "an output without a home") }
            return .place(home)
        case .state(let i): return .place(.state(node.states[i]))
        case .scratch(let i):
            guard let place = scratch[index]?[i].place else { throw HadalError(.backend, "scratch memory without a home") }
            return .place(place)
        }
    }

    private func word(of constant: KernelSource.Constant, _ use: KernelUse, _ part: KernelUse.Part?, _ built: Kernels.Built) throws
        -> UInt32
    {
        switch constant {
        case .threads: return UInt32(clamping: built.threads)
        case .subgroup: return UInt32(clamping: device.context.physical.fixedSubgroup)
        case .parameter(let name): return UInt32(clamping: built.parameters[name] ?? 0)
        case .symbol(let name):
            guard case .symbol(let symbol)? = use.extents[name] else { return 0 }
            // The words of the step begin with T, S and R.
            return symbol == .tokens ? 1 : symbol == .sequences ? 2 : 3
        case .extent(let name):
            guard case .fixed(let n)? = use.extents[name] else { return 0 }
            return UInt32(clamping: n)
        case .attribute(let name): return try Self.word(of: name, use)
        case .rowWords(let i): return UInt32(clamping: try weight(i, use).rowWords)
        case .sideWord(let i): return UInt32(clamping: try weight(i, use).sideWord)
        case .scaleRows(let i): return UInt32(clamping: try weight(i, use).scales?.rows ?? 1)
        case .scaleColumns(let i): return UInt32(clamping: try weight(i, use).scales?.columns ?? 1)
        case .scaleStride(let i): return UInt32(clamping: try weight(i, use).scales?.stride ?? 0)
        case .pageTokens: return UInt32(clamping: segment.pageTokens)
        case .partOffset: return UInt32(clamping: part?.offset ?? 0)
        case .partWidth: return UInt32(clamping: part?.width ?? 0)
        case .partTotal: return UInt32(clamping: part?.total ?? 0)
        case .matrix(let side): return UInt32(clamping: device.context.physical.features.matrix?[side] ?? 0)
        }
    }

    /// An attribute as its kernel sees it: strings as their place among the contract's choices.
    private static func word(of name: String, _ use: KernelUse) throws -> UInt32 {
        let spec = use.contract.attributes.first { $0.name == name }
        switch use.node.attributes[name] ?? spec?.defaultValue {
        case .bool(let b)?: return b ? 1 : 0
        case .int(let i)? where spec?.kind == .float: return Float(i).bitPattern
        case .int(let i)?: return UInt32(bitPattern: Int32(clamping: i))
        case .float(let d)?: return Float(d).bitPattern
        case .string(let text)?:
            guard let place = spec?.choices.firstIndex(of: text) else { throw HadalError(.unsupported, "\(name) '\(text)'") }
            return UInt32(place)
        default: throw HadalError(.invalidArgument, "attribute '\(name)' is missing")
        }
    }
}
