import HadalBackend
import HadalCore
import HadalGraph

/// A node matched with its contract: which types and extents its kernel is made for.
struct KernelUse {
    let node: Graph.Node
    let contract: OpContract
    let signature: KernelSource.Signature
    /// What the contract's names stand for here.
    private(set) var extents: [String: Dim]

    /// One of an op's repeated operands or outputs.
    struct Part {
        var operand: Int?
        var output: Int?
        /// Columns before it, of it, and of all together.
        var offset: Int
        var width: Int
        var total: Int
    }

    /// The same with the extents of one part.
    func narrowed(to part: Part) -> KernelUse {
        var narrowed = self
        if part.operand != nil, let name = contract.inputs.last?.dims.last?.bareName { narrowed.extents[name] = .fixed(part.width) }
        return narrowed
    }

    /// Itself, or one of its parts: enough to tell whether its grid can be worked out.
    var sample: KernelUse {
        guard contract.inputs.last?.variadic == true else { return self }
        return narrowed(to: Part(operand: 0, output: nil, offset: 0, width: 1, total: 1))
    }

    /// Types of matrices that kernels read; all of them are decoded to float32.
    static let matrixTypes: Set<DType> = Set(
        DType.allCases.filter { [.f32, .f16, .bf16, .f8_e4m3].contains($0) || BlockLayout($0) != nil })

    /// - Throws: `unsupported` with the reason when the node cannot run here.
    init(_ index: Int, of segment: Segment, contract: OpContract) throws {
        let graph = segment.graph
        guard graph.nodes.indices.contains(index) else { throw HadalError(.invalidArgument, "there is no node \(index)") }
        node = graph.nodes[index]
        self.contract = contract
        guard !contract.stages.isEmpty else { throw HadalError(.unsupported, "op '\(node.op)' has no Vulkan kernel") }
        func unsupported(_ reason: String) -> HadalError { HadalError(.unsupported, reason) }

        var operands: [ShapeRule.Operand?] = []
        var types: [DType?] = []
        for (i, operand) in node.inputs.enumerated() {
            let input = contract.inputs[min(i, contract.inputs.count - 1)]
            switch operand {
            case .none:
                operands.append(nil)
                types.append(nil)
            case .value(let v):
                guard graph.values.indices.contains(v) else { throw HadalError(.invalidArgument, "a value that is not there") }
                let value = graph.values[v]
                guard value.dtype == .f32 || value.dtype == .i32 else { throw unsupported("values of type \(value.dtype.name)") }
                guard value.dims.dropFirst().allSatisfy({ if case .fixed = $0 { true } else { false } }) else {
                    throw unsupported("only the first dimension of a value may vary ('\(value.name)')")
                }
                operands.append(.init(kind: .value, dtype: value.dtype, dims: value.dims, name: value.name))
                types.append(value.dtype)
            case .weight(let w):
                guard graph.weights.indices.contains(w) else { throw HadalError(.invalidArgument, "a weight that is not there") }
                let weight = graph.weights[w]
                guard Self.matrixTypes.contains(weight.dtype) else { throw unsupported("weights of type \(weight.dtype.name)") }
                if weight.dims.count > 1, let columns = weight.dims.last, columns % weight.dtype.blockElements != 0 {
                    throw unsupported("rows of \(columns) elements that are not whole \(weight.dtype.name) blocks")
                }
                operands.append(.init(kind: .weight, dtype: weight.dtype, dims: weight.dims.map { .fixed($0) }, name: weight.name))
                // Parameter vectors are widened by the host, whatever their type.
                types.append(input.dims.count < 2 ? .f32 : weight.dtype)
            }
        }
        extents = try ShapeRule.apply(contract, operands: operands, attributes: node.attributes).extents
        let stateType = contract.states.isEmpty ? nil : segment.stateDType
        if let stateType {
            guard contract.stateTypes.contains(stateType) else { throw unsupported("caches of type \(stateType.name)") }
            if !stateType.isQuantised, stateType != .f32,
                let odd = node.states.first(where: { !graph.states[$0].isFixed && graph.states[$0].width % 2 != 0 })
            {
                throw unsupported("a 16-bit cache of odd width (\(graph.states[odd].width))")
            }
        }
        // A variadic input repeats; each part is a dispatch of its own with one of them.
        signature = KernelSource.Signature(inputs: Array(types.prefix(contract.inputs.count)), state: stateType)
        for stage in contract.stages {
            if let condition = stage.requires, try evaluate(condition).bool != true {
                throw unsupported("its Vulkan kernel requires \(condition.text)")
            }
        }
    }

    /// Whether a form of a stage is for these types, extents and attributes.
    func suits(_ stage: OpContract.Stage) throws -> Bool {
        for (name, values) in stage.dtypes {
            guard let i = contract.inputs.firstIndex(where: { $0.name == name }), let dtype = signature.inputs[i], values.contains(dtype)
            else { return false }
        }
        guard let condition = stage.requires else { return true }
        return try evaluate(condition).bool == true
    }

    /// An expression over extents and attributes; extents that vary take their value from `varying`.
    func evaluate(
        _ expression: Expression, _ parameters: [String: Int] = [:], varying: (Dim.Symbol) -> Int? = { _ in nil }
    ) throws -> ExpressionValue {
        try expression.evaluate { name in
            if let parameter = parameters[name] { return .int(parameter) }
            if let attribute = node.attributes[name] { return attribute.expressionValue }
            switch extents[name] {
            case .fixed(let n): return .int(n)
            case .symbol(let symbol): return varying(symbol).map { .int($0) }
            case nil: return nil
            }
        }
    }

    /// The symbols that an expression depends on.
    func symbols(in expressions: [Expression]) -> Set<Dim.Symbol> {
        Set(
            expressions.flatMap(\.names).compactMap { name -> Dim.Symbol? in
                if case .symbol(let symbol)? = extents[name], node.attributes[name] == nil { return symbol }
                return nil
            })
    }
}
