package import HadalCore

/// Applies an op's contract to concrete operands: checks them and finds the outputs' shapes.
package struct ShapeRule {
    /// The type of one operand.
    package struct Operand: Sendable {
        package var kind: OpContract.Input.Kind
        package var dtype: DType
        package var dims: [Dim]
        /// What messages call it.
        package var name: String
        package init(kind: OpContract.Input.Kind, dtype: DType, dims: [Dim], name: String) {
            self.kind = kind
            self.dtype = dtype
            self.dims = dims
            self.name = name
        }
    }

    package struct Result: Sendable {
        /// dtype and dims of each output.
        package var outputs: [(dtype: DType, dims: [Dim])]
        /// Heads and width of each state, and the rows of a head of one of fixed size.
        package var states: [(heads: Int, rows: Int?, width: Int)]
        /// The extents that the contract's names were bound to.
        package var extents: [String: Dim]
    }

    private let contract: OpContract
    private let attributes: [String: Attribute]
    private var extents: [String: Dim] = [:]
    private var lists: [String: [Dim]] = [:]

    /// - Parameters:
    ///   - operands: one for each declared input in order (nil: absent), then any further variadic ones.
    ///   - attributes: complete, as `completeAttributes` gives them.
    /// - Throws: `HadalError.mismatch` that names the op, the input and both shapes.
    package static func apply(
        _ contract: OpContract, operands: [Operand?], attributes: [String: Attribute]
    ) throws -> Result {
        var rule = ShapeRule(contract: contract, attributes: attributes)
        return try rule.run(operands)
    }

    private init(contract: OpContract, attributes: [String: Attribute]) {
        self.contract = contract
        self.attributes = attributes
    }

    private func fail(_ message: String) -> HadalError { HadalError(.mismatch, "\(contract.name): \(message)") }

    private mutating func run(_ operands: [Operand?]) throws -> Result {
        let variadic = contract.inputs.last?.variadic ?? false
        guard variadic ? operands.count >= contract.inputs.count : operands.count == contract.inputs.count else {
            throw fail("takes \(contract.inputs.count) inputs, not \(operands.count)")
        }
        for (i, operand) in operands.enumerated() {
            let input = contract.inputs[min(i, contract.inputs.count - 1)]
            guard let operand else {
                let other = input.unless.map { name in zip(contract.inputs, operands).contains { $0.name == name && $1 != nil } }
                guard other ?? input.optional else { throw fail("input '\(input.name)' is missing") }
                continue
            }
            try bind(input, operand)
        }
        // Dims that are expressions can need names that a later input binds.
        for (i, operand) in operands.enumerated() {
            guard let operand else { continue }
            try check(contract.inputs[min(i, contract.inputs.count - 1)], operand)
        }
        // A condition on an extent that only absent inputs have says nothing.
        let unbound = Set(contract.inputs.flatMap { $0.dims.compactMap(\.bareName) })
            .subtracting(extents.keys).subtracting(lists.keys).subtracting(attributes.keys)
        for condition in contract.require where unbound.isDisjoint(with: condition.names) {
            guard try evaluate(condition).bool == true else {
                throw fail("requires \(condition.text) (\(describe(condition)))")
            }
        }
        var outputs: [(dtype: DType, dims: [Dim])] = []
        for output in contract.outputs {
            let count = try output.count.map { try whole($0) } ?? 1
            guard count >= 1, count <= 64 else { throw fail("output '\(output.name)' would repeat \(count) times") }
            for i in 0..<count { outputs.append((output.dtype, try output.dims.map { try dim($0, index: i) })) }
        }
        let states = try contract.states.map { state in
            let (heads, rows, width) = (try whole(state.heads), try state.rows.map { try whole($0) }, try whole(state.width))
            guard heads > 0, width > 0, rows ?? 1 > 0 else { throw fail("state '\(state.name)' has no width") }
            return (heads, rows, width)
        }
        return Result(outputs: outputs, states: states, extents: extents)
    }

    private func shapeText(_ dims: [Dim]) -> String { "[" + dims.map(\.description).joined(separator: ", ") + "]" }

    private mutating func bind(_ input: OpContract.Input, _ operand: Operand) throws {
        guard operand.kind == input.kind else { throw fail("input '\(input.name)' must be a \(input.kind.rawValue)") }
        guard input.dtypes.isEmpty || input.dtypes.contains(operand.dtype) else {
            let legal = input.dtypes.map(\.name).joined(separator: ", ")
            throw fail("input '\(input.name)' (\(operand.name)) is \(operand.dtype.name); it may be \(legal)")
        }
        guard operand.dims.count == input.dims.count else {
            let declared = "[" + input.dims.map(\.text).joined(separator: ", ") + "]"
            throw fail("input '\(input.name)' (\(operand.name)) has shape \(shapeText(operand.dims)); declared \(declared)")
        }
        for (expression, dim) in zip(input.dims, operand.dims) {
            guard let name = expression.bareName, attributes[name] == nil else { continue }
            if input.variadic {
                lists[name, default: []].append(dim)
                if expression.text == input.dims.last?.text { continue }
            }
            if let bound = extents[name] {
                guard bound == dim else {
                    throw fail("input '\(input.name)' (\(operand.name)) has shape \(shapeText(operand.dims)), but \(name) is \(bound)")
                }
            } else {
                extents[name] = dim
            }
        }
    }

    private func check(_ input: OpContract.Input, _ operand: Operand) throws {
        for (expression, dim) in zip(input.dims, operand.dims) where expression.bareName == nil || attributes[expression.bareName!] != nil {
            let wanted = try whole(expression)
            guard dim == .fixed(wanted) else {
                throw fail(
                    "input '\(input.name)' (\(operand.name)) has shape \(shapeText(operand.dims)), but \(expression.text) is \(wanted)")
            }
        }
    }

    private func evaluate(_ expression: Expression, index: Int? = nil) throws -> ExpressionValue {
        try expression.evaluate { name in
            if name == "i", let index { return .int(index) }
            if let attribute = attributes[name] { return attribute.expressionValue }
            if contract.inputs.last?.variadic == true, expression.names.contains(name), let list = lists[name], extents[name] == nil {
                return .array(try list.map { try fixed($0, name) })
            }
            return try extents[name].map { try fixed($0, name) }
        }
    }

    private func fixed(_ dim: Dim, _ name: String) throws -> ExpressionValue {
        guard case .fixed(let n) = dim else { throw fail("\(name) varies from step to step and cannot be calculated with") }
        return .int(n)
    }

    private func whole(_ expression: Expression) throws -> Int {
        let value = try evaluate(expression)
        guard let n = value.int else { throw fail("\(expression.text) is \(value), not an integer") }
        return n
    }

    private func dim(_ expression: Expression, index: Int) throws -> Dim {
        if let name = expression.bareName, let bound = extents[name] { return bound }
        let value = try evaluate(expression, index: index)
        guard let n = value.int, n > 0 else { throw fail("\(expression.text) is \(value), not a positive integer") }
        return .fixed(n)
    }

    private func describe(_ condition: Expression) -> String {
        condition.names.sorted().compactMap { name in
            if let attribute = attributes[name] { return "\(name) = \(attribute.expressionValue)" }
            return extents[name].map { "\(name) = \($0)" }
        }.joined(separator: ", ")
    }
}

extension OpContract {
    /// The node's attributes with defaults filled in.
    ///
    /// - Throws: for an attribute that the contract does not know, that is missing, or that is out of range.
    package func completeAttributes(_ given: [String: ExpressionValue]) throws -> [String: Attribute] {
        var complete: [String: Attribute] = [:]
        for spec in attributes {
            if let value = given[spec.name] {
                do { complete[spec.name] = try spec.attribute(from: value) } catch let error as HadalError {
                    throw HadalError(error.code, "\(name): \(error.message)")
                }
            } else if let value = spec.defaultValue {
                complete[spec.name] = value
            } else {
                throw HadalError(.mismatch, "\(name): attribute '\(spec.name)' is missing", hint: spec.help)
            }
        }
        for key in given.keys where complete[key] == nil {
            throw HadalError(
                .mismatch, "\(name): unknown attribute '\(key)'",
                hint: "known: \(attributes.map(\.name).joined(separator: ", "))")
        }
        return complete
    }
}
