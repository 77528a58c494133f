import HadalBackend
import HadalCore
import HadalGraph

/// Turns a segment into dispatches, one for each stage of each node, following the contracts alone.
struct Lowering {
    private let segment: Segment
    private let catalogue: OpCatalogue
    private let pipelines: Pipelines
    private let limits: (UInt32, UInt32, UInt32)
    private let store: WeightStore
    private(set) var dispatches: [Dispatch] = []
    private(set) var grids: [Grid] = []
    private(set) var arena = Arena()
    private var homes: [Dispatch.Place?]
    private var lastUse: [Int]
    private let includes: String

    private var graph: Graph { segment.graph }

    init(_ segment: Segment, catalogue: OpCatalogue, pipelines: Pipelines, store: WeightStore, limits: (UInt32, UInt32, UInt32)) throws {
        self.segment = segment
        self.catalogue = catalogue
        self.pipelines = pipelines
        self.store = store
        self.limits = limits
        let graph = segment.graph
        homes = Array(repeating: nil, count: graph.values.count)
        lastUse = Array(repeating: -1, count: graph.values.count)
        for (i, value) in graph.inputs.enumerated() { homes[value] = .input(i) }
        for (i, value) in graph.outputs.enumerated() where homes[value] == nil { homes[value] = .output(i) }
        for (i, node) in graph.nodes.enumerated() {
            for case .value(let value) in node.inputs { lastUse[value] = i }
        }
        guard let linear = catalogue.contracts["linear"]?.folder, let slash = linear.lastIndex(of: "/") else {
            throw HadalError(.notFound, "the kernels folder of this installation is missing")
        }
        let shared = "\(linear[..<slash])/glsl"
        includes = try ["hadal", "blocks"].map { try pipelines.text(of: "\(shared)/\($0).glsl") }.joined(separator: "\n")
    }

    mutating func lower() throws {
        for index in graph.nodes.indices {
            do { try lower(index) } catch let error as HadalError {
                throw HadalError(error.code, "\(graph.nodes[index].label): \(error.message)", at: error.place, hint: error.hint)
            }
        }
    }

    /// Copies that must follow: outputs whose value lives elsewhere.
    var copies: [(from: Dispatch.Place, output: Int)] {
        graph.outputs.enumerated().compactMap { i, value in
            guard let home = homes[value], home != .output(i) else { return nil }
            return (home, i)
        }
    }

    private mutating func lower(_ index: Int) throws {
        let whole = try KernelUse(index, of: segment, catalogue: catalogue)
        let node = whole.node
        for output in node.outputs where homes[output] == nil { homes[output] = .arena(arena.take(try upperBytes(output))) }
        let body = try pipelines.text(of: "\(whole.contract.folder)/vulkan.comp")
        for part in parts(whole) {
            let use = part.map { whole.narrowed(to: $0) } ?? whole
            for stage in use.contract.stages {
                let source = KernelSource(
                    use.contract, stage: stage, signature: use.signature, extents: use.extents.keys.sorted(), body: body,
                    includes: includes)
                let inputs = part?.operand.map { [node.inputs[$0]] } ?? node.inputs
                let outputs = part?.output.map { [node.outputs[$0]] } ?? node.outputs
                dispatches.append(
                    Dispatch(
                        pipeline: try pipelines.pipeline(source), values: try source.fields.map { try value(of: $0, use, part) },
                        grid: grids.count,
                        reads: inputs.compactMap { if case .value(let v) = $0 { homes[v] } else { nil } },
                        writes: outputs.compactMap { homes[$0] } + node.states.map { .state($0) }, node: index))
                grids.append(try Grid(stage, use, bounds: segment.bounds, limits: limits))
            }
        }
        for operand in Set(node.inputs) {
            if case .value(let value) = operand, lastUse[value] == index { release(value) }
        }
        for output in Set(node.outputs) where lastUse[output] < 0 { release(output) }
    }

    private mutating func release(_ value: Int) {
        guard case .arena(let range)? = homes[value], !graph.outputs.contains(value) else { return }
        arena.give(range)
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

    // MARK: Arguments

    private func value(of field: KernelSource.Field, _ use: KernelUse, _ part: KernelUse.Part?) throws -> Dispatch.Value {
        let node = use.node
        func weight(_ input: Int) throws -> WeightStore.Placed {
            guard case .weight(let index) = node.inputs[input] else { throw HadalError(.backend, "input \(input) is no weight") }
            return try store.place(index, widened: use.contract.inputs[input].dims.count < 2)
        }
        switch field {
        case .address(.input(let i)):
            let operand = part?.operand ?? i
            switch node.inputs[use.contract.inputs[i].variadic ? operand : i] {
            case .value(let v):
                guard let home = homes[v] else { throw HadalError(.invalidArgument, "value '\(graph.values[v].name)' is read before it is made") }
                return .place(home)
            case .weight: return .address(try weight(i).address)
            case .none: return .address(0)
            }
        case .address(.scales(let i)): return .address(try weight(i).scales?.address ?? 0)
        case .address(.output(let i)):
            guard let home = homes[node.outputs[part?.output ?? i]] else { throw HadalError(.backend, "an output without a home") }
            return .place(home)
        case .address(.state(let i)): return .place(.state(node.states[i]))
        case .symbol(let name):
            if case .symbol(let symbol)? = use.extents[name] {
                // The words of the step begin with T, S and R.
                return .word(symbol == .tokens ? 1 : symbol == .sequences ? 2 : 3)
            }
            return .word(0)
        case .extent(let name):
            if case .fixed(let n)? = use.extents[name] { return .word(UInt32(clamping: n)) }
            return .word(0)
        case .attribute(let name): return .word(try Self.word(of: name, use))
        case .number(.rowWords(let i)): return .word(UInt32(clamping: try weight(i).rowWords))
        case .number(.sideWord(let i)): return .word(UInt32(clamping: try weight(i).sideWord))
        case .number(.scaleRows(let i)): return .word(UInt32(clamping: try weight(i).scales?.rows ?? 1))
        case .number(.scaleColumns(let i)): return .word(UInt32(clamping: try weight(i).scales?.columns ?? 1))
        case .number(.scaleStride(let i)): return .word(UInt32(clamping: try weight(i).scales?.stride ?? 0))
        case .number(.pageTokens): return .word(UInt32(clamping: segment.pageTokens))
        case .number(.partOffset): return .word(UInt32(clamping: part?.offset ?? 0))
        case .number(.partWidth): return .word(UInt32(clamping: part?.width ?? 0))
        case .number(.partTotal): return .word(UInt32(clamping: part?.total ?? 0))
        }
    }

    /// An attribute as its kernel sees it: strings as their place among the contract's choices.
    private static func word(of name: String, _ use: KernelUse) throws -> UInt32 {
        switch use.node.attributes[name] {
        case .bool(let b)?: return b ? 1 : 0
        case .int(let i)?: return UInt32(bitPattern: Int32(clamping: i))
        case .float(let d)?: return Float(d).bitPattern
        case .string(let text)?:
            guard let place = use.contract.attributes.first(where: { $0.name == name })?.choices.firstIndex(of: text) else {
                throw HadalError(.unsupported, "\(name) '\(text)'")
            }
            return UInt32(place)
        default: throw HadalError(.invalidArgument, "attribute '\(name)' is missing")
        }
    }
}
