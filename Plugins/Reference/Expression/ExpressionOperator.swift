import HadalBackend
import HadalCore
import HadalGraph

/// An op that its contract defines by expressions, an output at a time and element by element.
struct ExpressionOperator: NodeRunner {
    /// A name that differs from element to element.
    private enum Source: Sendable {
        case value(input: Int)
        case weight([Float])
        case index
    }

    /// Where a variable of an output comes from, and how its place follows from an element's indices: for each of the output's dims, how many
    /// elements apart neighbours are; 0: the same one for all.
    private struct Variable: Sendable {
        var source: Source
        /// The input's own place for each of the output's dims; nil: it lacks that dim.
        var axes: [Int?]
        /// For each of the output's dims, how many neighbours along it go with one element.
        var groups: [Int]
    }

    private struct Output: Sendable {
        var program: ElementProgram
        var variables: [Variable]
    }

    private let outputs: [Output]

    /// - Throws: when operands do not go with the contract, or an expression uses an optional input that is absent.
    init(_ node: NodeView, _ contract: OpContract, _ expressions: [String: Expression]) throws {
        let graph = node.segment.graph
        let operands = contract.inputs.indices.map { index -> ShapeRule.Operand? in
            guard index < node.node.inputs.count else { return nil }
            switch node.node.inputs[index] {
            case .none: return nil
            case .value(let v):
                return .init(kind: .value, dtype: graph.values[v].dtype, dims: graph.values[v].dims, name: graph.values[v].name)
            case .weight(let w):
                let weight = graph.weights[w]
                return .init(kind: .weight, dtype: weight.dtype, dims: weight.dims.map { .fixed($0) }, name: weight.name)
            }
        }
        try node.require(
            node.node.inputs.count == contract.inputs.count, "takes \(contract.inputs.count) inputs, not \(node.node.inputs.count)")
        let rule = try ShapeRule.apply(contract, operands: operands, attributes: node.node.attributes)
        try node.require(rule.outputs.count == node.node.outputs.count, "has \(rule.outputs.count) outputs, not \(node.node.outputs.count)")
        for (wanted, value) in zip(rule.outputs, node.node.outputs) {
            let declared = graph.values[value]
            try node.require(
                declared.dtype == wanted.dtype && declared.dims == wanted.dims,
                "'\(declared.name)' is not of the type that the contract gives it")
        }
        outputs = try contract.outputs.map { output in
            guard let expression = expressions[output.name] else {
                throw node.fail(.malformed, "output '\(output.name)' has no expression")
            }
            let axes = output.dims.map(\.bareName)
            var variables: [Variable] = []
            var numbers: [String: Int] = [:]
            for name in expression.names.sorted() {
                if let input = contract.inputs.firstIndex(where: { $0.name == name }), operands[input] != nil {
                    let source: Source =
                        if case .weight = node.node.inputs[input] { .weight(try Self.elements(node.matrix(input))) } else {
                            .value(input: input)
                        }
                    numbers[name] = variables.count
                    let given = operands[input]?.dims ?? []
                    variables.append(try Self.variable(source, contract.inputs[input], given, output, wanted: rule, contract))
                } else if name.hasPrefix(OpContract.indexPrefix) {
                    let axis = String(name.dropFirst(OpContract.indexPrefix.count))
                    numbers[name] = variables.count
                    variables.append(Variable(source: .index, axes: axes.map { $0 == axis ? 0 : nil }, groups: axes.map { _ in 1 }))
                }
            }
            let program = try ElementProgram(
                expression,
                constants: { name in
                    if let attribute = node.node.attributes[name] { return attribute.expressionValue }
                    guard case .fixed(let extent)? = rule.extents[name] else { return nil }
                    return .int(extent)
                }, variables: numbers)
            return Output(program: program, variables: variables)
        }
    }

    /// How an operand's elements go with those of an output.
    private static func variable(
        _ source: Source, _ input: OpContract.Input, _ given: [Dim], _ output: OpContract.Output, wanted rule: ShapeRule.Result,
        _ contract: OpContract
    ) throws -> Variable {
        var variable = Variable(source: source, axes: [], groups: [])
        // An input with fewer dims goes with the output's last ones.
        let missing = output.dims.count - input.dims.count
        for (number, dim) in output.dims.enumerated() {
            let own = dim.bareName.flatMap { name in input.dims.firstIndex { $0.bareName == name } }
            let place = number - missing
            guard own == nil, let name = dim.bareName, missing >= 0, given.indices.contains(place),
                OpContract.isGrouped(input.dims[place], of: name, contract.require)
            else {
                variable.axes.append(own)
                variable.groups.append(1)
                continue
            }
            guard case .fixed(let few) = given[place], case .fixed(let many)? = rule.extents[name], few > 0, many % few == 0 else {
                throw HadalError(.mismatch, "'\(input.name)': '\(input.dims[place].text)' does not divide \(name)")
            }
            variable.axes.append(place)
            variable.groups.append(many / few)
        }
        return variable
    }

    /// A weight's elements; none where it lacks data, as when it is only asked whether the op can run.
    private static func elements(_ matrix: WeightMatrix) -> [Float] {
        (0..<matrix.rows).flatMap { matrix.vector(row: $0) }
    }

    func run(_ call: OperatorCall) throws {
        for (number, output) in outputs.enumerated() {
            let target = call.tensors[call.node.outputs[number]]
            guard let memory = target.base, target.rows * target.width > 0 else { continue }
            // Workers write disjoint rows.
            nonisolated(unsafe) let base = memory
            let (width, dtype) = (target.width, target.dtype)
            let reads = try output.variables.map { try Self.reader($0, call, rows: target.rows, width: target.width) }
            call.pool.forEach(target.rows, cost: target.rows * width * 16) { range in
                var values = reads.map { _ in [Double](repeating: 0, count: ElementProgram.block) }
                var result = [Double](repeating: 0, count: ElementProgram.block)
                for row in range where !call.isCancelled {
                    for start in stride(from: 0, to: width, by: ElementProgram.block) {
                        let count = min(ElementProgram.block, width - start)
                        for (k, read) in reads.enumerated() { for i in 0..<count { values[k][i] = read(row, start + i) } }
                        output.program.evaluate(count, values, into: &result)
                        Self.write(result, count, to: base, at: row * width + start, dtype)
                    }
                }
            }
        }
    }

    private static func write(_ values: [Double], _ count: Int, to base: UnsafeMutableRawPointer, at first: Int, _ dtype: DType) {
        if dtype == .i32 {
            let out = base.assumingMemoryBound(to: Int32.self) + first
            for i in 0..<count { out[i] = values[i].isNaN ? 0 : Int32(clamping: Int(max(-0x1p40, min(0x1p40, values[i].rounded())))) }
        } else {
            let out = base.assumingMemoryBound(to: Float.self) + first
            for i in 0..<count { out[i] = Float(values[i]) }
        }
    }

    /// What a variable is for the element in `row` and `column` of the output: of rank 1, the only column.
    private static func reader(_ variable: Variable, _ call: OperatorCall, rows: Int, width: Int) throws -> @Sendable (Int, Int) -> Double {
        // An output of rank 1 is one row, whose columns are its dim.
        let isVector = variable.axes.count == 1
        let rowAxis = isVector ? nil : variable.axes.first ?? nil
        let columnAxis = variable.axes.last ?? nil
        let (rowGroup, columnGroup) = (isVector ? 1 : variable.groups.first ?? 1, variable.groups.last ?? 1)
        // The operand's own extents, as far as they go with the output's.
        let (ownRows, ownColumns) = ((rows + rowGroup - 1) / rowGroup, (width + columnGroup - 1) / columnGroup)
        switch variable.source {
        case .index:
            let countsRows = rowAxis != nil
            return { row, column in Double(countsRows ? row : column) }
        case .value(let input):
            guard case .value(let index) = call.node.inputs[input] else { throw HadalError(.mismatch, "input \(input) is missing") }
            let tensor = call.tensors[index]
            let steps = try steps(
                row: rowAxis, column: columnAxis, width: tensor.width, elements: tensor.rows * tensor.width, rows: ownRows,
                columns: ownColumns)
            guard let base = tensor.base else { throw HadalError(.mismatch, "input \(input) is not bound") }
            nonisolated(unsafe) let start = UnsafeRawPointer(base)
            let isInteger = tensor.dtype == .i32
            return { row, column in
                let offset = 4 * (row / rowGroup * steps.row + column / columnGroup * steps.column)
                return isInteger
                    ? Double(start.load(fromByteOffset: offset, as: Int32.self))
                    : Double(start.load(fromByteOffset: offset, as: Float.self))
            }
        case .weight(let elements):
            let steps = try steps(
                row: rowAxis, column: columnAxis, width: columnAxis == nil ? 1 : ownColumns, elements: elements.count, rows: ownRows,
                columns: ownColumns)
            return { row, column in Double(elements[row / rowGroup * steps.row + column / columnGroup * steps.column]) }
        }
    }

    /// How far apart an operand's elements are for neighbouring rows and columns of the output; never beyond its last element.
    private static func steps(row: Int?, column: Int?, width: Int, elements: Int, rows: Int, columns: Int) throws -> (row: Int, column: Int)
    {
        // Which of the operand's own dims comes first decides how it is laid out.
        let result: (row: Int, column: Int) =
            switch (row, column) {
            case (nil, nil): (0, 0)
            case (nil, _): (0, 1)
            case (_, nil): (1, 0)
            case (let row?, let column?): row < column ? (width, 1) : (1, rows)
            }
        guard (rows - 1) * result.row + (columns - 1) * result.column < elements else {
            throw HadalError(.mismatch, "an operand has too few elements")
        }
        return result
    }
}
