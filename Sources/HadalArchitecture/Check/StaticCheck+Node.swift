import HadalCore
import HadalGraph

extension StaticCheck {
    mutating func check(_ node: Statement.NodeSpec, _ values: inout [String: ValueShape], _ scope: StatementScope) {
        for name in node.inputs { use(name, values, node.place) }
        var outputs: [ValueShape] = []
        // Each part is looked at although another is at fault; what cannot be told apart without the contract is not.
        reporting(cause: catalogue.contracts[node.op] == nil ? "op \(node.op)" : nil) { check in
            let contract = try NodeBinding.contract(node, check.catalogue)
            if node.outputs.count < contract.outputs.count { check.valuesAreUncertain = true }
            let members = try NodeBinding(node, contract)
            outputs = contract.outputs.map { ValueShape(rows: .other, rank: $0.dims.count, dtype: $0.dtype) }
            for (name, formula) in members.operands { check.operand(name, formula, contract, values, scope) }
            for (name, formula) in members.attributes { check.attribute(name, formula, contract, scope) }
            if let table = node.table { check.table(table, scope) }
            check.states(node, contract, scope)
            try check.missing(node, contract, members)
            try check.outputCount(node, contract, members)
            outputs = try check.shapes(node, contract, members, values)
        }
        if let first = outputs.first {
            while outputs.count < node.outputs.count { outputs.append(first) }
        }
        for (index, name) in node.outputs.enumerated() {
            var shape = index < outputs.count ? outputs[index] : ValueShape(rows: .other, rank: nil, dtype: nil)
            shape.place = node.place
            values[name] = shape
            skipped[name] = nil
        }
    }

    private func missing(_ node: Statement.NodeSpec, _ contract: OpContract, _ members: NodeBinding) throws {
        // A null leaves an attribute at its default.
        var given = Set(members.attributes.filter { !(constant($0.formula)?.isNull ?? false) }.map(\.name))
        if node.table != nil { given.formUnion(["rotary", "scale", "switch_length"]) }
        for spec in contract.attributes where spec.defaultValue == nil && !given.contains(spec.name) {
            throw HadalError(
                .mismatch, "op \(contract.name): attribute '\(spec.name)' is missing", at: node.place,
                hint: spec.help.isEmpty ? nil : spec.help)
        }
    }

    /// Outputs whose number depends on attributes: what can be told of a list whose entries depend on a model is how long it is.
    private func outputCount(_ node: Statement.NodeSpec, _ contract: OpContract, _ members: NodeBinding) throws {
        guard contract.outputs.contains(where: { $0.count != nil }) else { return }
        var total = 0
        for output in contract.outputs {
            guard let count = output.count else {
                total += 1
                continue
            }
            let value = try? count.evaluate { name in
                guard let formula = members.attributes.first(where: { $0.name == name })?.formula else { return nil }
                if case .list(let items) = formula.kind { return .array(items.map { _ in .int(1) }) }
                return constant(formula)
            }
            guard let number = value?.int else { return }
            total += number
        }
        guard total != node.outputs.count else { return }
        throw HadalError(.mismatch, "op \(contract.name) has \(total) outputs here, not \(node.outputs.count)", at: node.place)
    }

    private mutating func table(_ table: Formula, _ scope: StatementScope) {
        let known = description.rope.map(\.name)
        for name in choices(table, scope, known, "rope table") {
            usedTables.insert(name)
            guard let spec = description.rope.first(where: { $0.name == name }) else {
                report(
                    HadalError(.notFound, "no rope table '\(name)'", at: table.place, hint: Suggestion.hint(for: name, among: known)),
                    cause: "rope \(name)")
                continue
            }
            needIndices(spec.names, scope.indices, "rope table '\(name)'", declared: spec.place, at: table.place)
        }
    }

    private mutating func operand(
        _ name: String, _ formula: Formula, _ contract: OpContract, _ values: [String: ValueShape], _ scope: StatementScope
    ) {
        guard let input = contract.inputs.first(where: { $0.name == name }) else { return }
        guard input.kind == .weight else {
            if let bare = formula.bareName { return use(bare, values, formula.place) }
            self.formula(formula, scope.indices, [.string, .null], "'\(name)'")
            return
        }
        let known = description.weights.map(\.name)
        for bare in choices(formula, scope, known, "weight") {
            usedNames.insert(bare)
            guard let weight = description.weight(bare) else {
                report(
                    HadalError(.notFound, "no weight '\(bare)'", at: formula.place, hint: Suggestion.hint(for: bare, among: known)),
                    cause: "weight \(bare)")
                continue
            }
            needIndices(of: weight, scope.indices, at: formula.place)
            if weight.shape.count != input.dims.count {
                report(
                    HadalError(
                        .mismatch,
                        "op \(contract.name): weight '\(bare)' has \(weight.shape.count) extents, '\(name)' is [\(input.dims.map(\.text).joined(separator: ", "))]",
                        at: formula.place))
            }
        }
    }

    /// The names that a formula may give: itself, or the texts that it may come to.
    ///
    /// Where some of the texts are names, the others may be left from a form that the family no longer has.
    private mutating func choices(_ formula: Formula, _ scope: StatementScope, _ known: [String], _ what: String) -> [String] {
        if let bare = formula.bareName { return [bare] }
        let before = findings.count
        self.formula(formula, scope.indices, [.string, .null], what)
        guard findings.count == before, let texts = type(of: formula, scope.indices).texts, !texts.isEmpty else { return [] }
        let names = texts.intersection(known)
        if !names.isEmpty, names.count < texts.count {
            note(
                "\(formula.place): there is no \(what) '\(texts.subtracting(names).sorted().joined(separator: "', '"))', which \"\(formula.text)\" may name"
            )
        }
        return (names.isEmpty ? Array(texts.sorted().prefix(1)) : names.sorted())
    }

    private mutating func attribute(_ name: String, _ formula: Formula, _ contract: OpContract, _ scope: StatementScope) {
        guard let spec = contract.attributes.first(where: { $0.name == name }) else { return }
        // A bare word where a string is wanted is mostly a string without its quotes.
        if spec.kind == .string, let bare = formula.bareName, description.parameterIndex[bare] == nil, spec.choices.contains(bare) {
            return report(HadalError(.notFound, "unknown name '\(bare)'", at: formula.place, hint: "a string is written \"'\(bare)'\""))
        }
        let before = findings.count
        self.formula(formula, scope.indices, spec.kind.valueKinds.union(.null), "op \(contract.name): attribute '\(name)'")
        guard findings.count == before else { return }
        if let value = constant(formula) {
            if !value.isNull {
                reporting { _ in
                    do { _ = try spec.attribute(from: value) } catch let error as HadalError { throw error.located(at: formula.place) }
                }
            }
            return
        }
        // Of a list some entries may be known.
        guard spec.kind == .ints || spec.kind == .floats else {
            let type = type(of: formula, scope.indices)
            guard spec.kind == .string, !spec.choices.isEmpty, let texts = type.texts, !texts.isEmpty, texts.isDisjoint(with: spec.choices),
                type.present == .string
            else { return }
            return reporting { _ in
                do { _ = try spec.attribute(from: .string(texts.sorted()[0])) } catch let error as HadalError {
                    throw error.located(at: formula.place)
                }
            }
        }
        guard case .list(let items) = formula.kind else { return }
        for item in items {
            guard let value = constant(item) else { continue }
            reporting { _ in
                do { _ = try spec.attribute(from: .array([value])) } catch let error as HadalError { throw error.located(at: item.place) }
            }
        }
    }

    private mutating func states(_ node: Statement.NodeSpec, _ contract: OpContract, _ scope: StatementScope) {
        if let index = node.stateIndex { formula(index, scope.indices, .number, "'state_index'") }
        guard !contract.states.isEmpty else { return }
        var kinds: [OpContract.State.Kind] = []
        for name in node.states {
            usedStates.insert(name)
            guard let spec = description.states.first(where: { $0.name == name }) else {
                return report(
                    HadalError(
                        .notFound, "no state '\(name)'", at: node.place,
                        hint: Suggestion.hint(for: name, among: description.states.map(\.name))),
                    cause: "state \(name)")
            }
            kinds += spec.contractKinds
        }
        guard kinds == contract.states.map(\.kind) else {
            let given = node.states.map { name in "'\(name)' is \(description.states.first { $0.name == name }?.kind.rawValue ?? "")" }
            return report(
                HadalError(
                    .mismatch, "op \(contract.name) requires \(contract.stateText); \(given.joined(separator: ", "))", at: node.place))
        }
        for name in node.states {
            if let spec = description.states.first(where: { $0.name == name }) { state(spec, node, scope) }
        }
    }

    private mutating func state(_ spec: StateSpec, _ node: Statement.NodeSpec, _ scope: StatementScope) {
        var local = scope.indices
        if spec.layers != nil {
            if node.stateIndex == nil, !scope.indices.contains(spec.index) {
                return report(
                    HadalError(.mismatch, "state '\(spec.name)' needs an index; none named '\(spec.index)' here", at: node.place),
                    cause: "name \(spec.index)")
            }
            local.insert(spec.index)
            outOfRange(node, spec, scope)
        } else if scope.loops.contains(where: { $0.mayRepeat && !$0.isGuarded }), number(node.stateIndex) != 0 {
            report(GraphSpec.sharedState(spec.name, at: node.place, declared: spec.place), cause: "shared state \(spec.name)")
        } else if let index = number(node.stateIndex), index != 0 {
            report(HadalError(.mismatch, "state '\(spec.name)' has no 'layers', so it has no number \(index)", at: node.place))
        }
        let needed = spec.formulas.reduce(into: Set<String>()) { $0.formUnion($1.names) }
        needIndices(needed, local, "state '\(spec.name)'", declared: spec.place, at: node.place)
    }

    private func number(_ formula: Formula?) -> Int? { formula.flatMap { constant($0) }?.int }

    /// A fixed number of caches, and more repetitions than that.
    private mutating func outOfRange(_ node: Statement.NodeSpec, _ spec: StateSpec, _ scope: StatementScope) {
        guard let count = number(spec.layers) else { return }
        if let number = number(node.stateIndex) {
            guard !(0..<count).contains(number) else { return }
            return report(HadalError(.mismatch, "state '\(spec.name)' has \(count) layers, no number \(number)", at: node.place))
        }
        guard node.stateIndex == nil, let loop = scope.loops.last(where: { $0.index == spec.index }), !loop.isGuarded,
            loop.count.map({ $0 > count }) ?? (count <= 1 && loop.mayRepeat)
        else { return }
        report(
            HadalError(
                .mismatch, "state '\(spec.name)' has \(count) layers, and the 'repeat' over '\(spec.index)' goes beyond them",
                at: node.place,
                hint: "declared at \(spec.place)"))
    }

    /// Follows the number of rows, of dims, and the types through the op, as far as symbols tell.
    private func shapes(
        _ node: Statement.NodeSpec, _ contract: OpContract, _ members: NodeBinding, _ values: [String: ValueShape]
    ) throws -> [ValueShape] {
        let attributes = Set(contract.attributes.map(\.name))
        var bound: [String: (rows: ValueShape.Rows, by: String)] = [:]
        for input in contract.inputs where input.kind == .value {
            let names =
                input.variadic
                ? members.variadic : [members.positional[input.name] ?? members.operands[input.name]?.bareName].compactMap { $0 }
            for name in names {
                guard let shape = values[name] else { continue }
                if let rank = shape.rank, rank != input.dims.count {
                    throw HadalError(
                        .mismatch,
                        "op \(contract.name): '\(name)' has \(rank) extents, input '\(input.name)' is [\(input.dims.map(\.text).joined(separator: ", "))]",
                        at: node.place)
                }
                if let dtype = shape.dtype, !input.dtypes.isEmpty, !input.dtypes.contains(dtype) {
                    throw HadalError(
                        .mismatch,
                        "op \(contract.name): '\(name)' is \(dtype.name), input '\(input.name)' may be \(input.dtypes.map(\.name).joined(separator: ", "))",
                        at: node.place)
                }
                guard let dim = input.dims.first?.bareName, !attributes.contains(dim) else { continue }
                guard let known = bound[dim] else {
                    bound[dim] = (shape.rows, name)
                    continue
                }
                if let a = known.rows.letter, let b = shape.rows.letter, a != b {
                    throw HadalError(.mismatch, "op \(contract.name): '\(known.by)' has \(a) rows, '\(name)' has \(b)", at: node.place)
                }
                bound[dim]?.rows.formUnion(shape.rows)
            }
        }
        return contract.outputs.map { output in
            let rows = output.dims.first?.bareName.flatMap { bound[$0]?.rows } ?? .other
            return ValueShape(rows: rows, rank: output.dims.count, dtype: output.dtype)
        }
    }
}

extension OpContract.AttributeSpec.Kind {
    var valueKinds: ValueType.Kinds {
        switch self {
        case .bool: .bool
        case .int, .float: .number
        case .string: .string
        case .ints, .floats: .list
        }
    }
}
