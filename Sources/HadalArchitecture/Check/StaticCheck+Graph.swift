import HadalCore
import HadalGraph

extension StaticCheck {
    mutating func check(_ graph: GraphSpec) {
        if let when = graph.when { names(when, []) }
        var values = Set(GraphSpec.standardInputs.map(\.name))
        for input in graph.inputs {
            for formula in input.dims where formula.bareName != "T" && formula.bareName != "R" { names(formula, []) }
            values.insert(input.name)
        }
        for feed in graph.feeds { names(feed.hidden, []) }
        steps = 0
        walk(graph.body, &values, [], [])
        for output in graph.outputs where !values.contains(output) {
            report(
                HadalError(
                    .notFound, "graph '\(graph.name)' makes no '\(output)'", at: graph.place,
                    hint: Suggestion.hint(for: output, among: Array(values))))
        }
    }

    /// - Parameter values: names that some statement so far may have given a value.
    private mutating func walk(_ body: [Statement], _ values: inout Set<String>, _ indices: Set<String>, _ blocks: [String]) {
        for statement in body {
            steps += 1
            guard steps <= Limits.steps else {
                if steps == Limits.steps + 1 {
                    report(HadalError(.limitExceeded, "the blocks expand to more than \(Limits.steps) statements"))
                }
                return
            }
            switch statement {
            case .node(let node): check(node, &values, indices)
            case .block(let name, let when, let place):
                if let when { names(when, indices) }
                usedBlocks.insert(name)
                guard let block = description.block(name) else {
                    report(
                        HadalError(
                            .notFound, "unknown block '\(name)'", at: place,
                            hint: Suggestion.hint(for: name, among: description.blocks.map(\.name))))
                    continue
                }
                guard !blocks.contains(name), blocks.count < Limits.blockDepth else {
                    report(
                        HadalError(
                            .malformed, "block '\(name)' contains itself or lies too deep: \((blocks + [name]).joined(separator: " -> "))",
                            at: place))
                    continue
                }
                walk(block, &values, indices, blocks + [name])
            case .repeated(let count, let from, let index, _, let when, let inner, let place):
                if let from { names(from, indices) }
                names(count, indices)
                if let when { names(when, indices) }
                if indices.contains(index) { report(HadalError(.malformed, "index '\(index)' is in use by an outer 'repeat'", at: place)) }
                walk(inner, &values, indices.union([index]), blocks)
            case .hidden(let name, let value, let when, let place):
                if let when { names(when, indices) }
                hiddenNames.insert(name.text)
                for placeholder in name.placeholders where !indices.contains(placeholder) {
                    report(HadalError(.notFound, "'{\(placeholder)}' is no index here", at: place))
                }
                use(value, values, place)
            }
        }
    }

    private mutating func use(_ value: String, _ values: Set<String>, _ place: Place) {
        guard !values.contains(value) else { return }
        report(
            HadalError(
                .notFound, "no value '\(value)' has been made here", at: place, hint: Suggestion.hint(for: value, among: Array(values))))
    }

    private mutating func check(_ node: Statement.NodeSpec, _ values: inout Set<String>, _ indices: Set<String>) {
        defer { values.formUnion(node.outputs) }
        if let when = node.when { names(when, indices) }
        if let index = node.stateIndex { names(index, indices) }
        for name in node.inputs { use(name, values, node.place) }
        do {
            let contract = try NodeBinding.contract(node, catalogue)
            let members = try NodeBinding(node, contract)
            for (name, formula) in members.operands { check(name, formula, contract, values, indices) }
            for (name, formula) in members.attributes { check(name, formula, contract, indices) }
            let given = Set(members.attributes.map(\.name)).union(node.table == nil ? [] : ["rotary", "scale", "switch_length"])
            for spec in contract.attributes where spec.defaultValue == nil && !given.contains(spec.name) {
                throw HadalError(.mismatch, "op \(contract.name): attribute '\(spec.name)' is missing", at: node.place, hint: spec.help)
            }
            if !contract.states.isEmpty {
                guard let state = node.state else {
                    throw HadalError(.mismatch, "op \(contract.name) needs a 'state'", at: node.place)
                }
                usedStates.insert(state)
                guard let spec = description.states.first(where: { $0.name == state }) else {
                    throw HadalError(
                        .notFound, "no state '\(state)'", at: node.place,
                        hint: Suggestion.hint(for: state, among: description.states.map(\.name)))
                }
                let count = spec.kind == .kv ? 2 : 1
                guard count == contract.states.count else {
                    throw HadalError(
                        .mismatch, "op \(contract.name) wants \(contract.states.count == 2 ? "a kv" : "a latent") state; '\(state)' is \(spec.kind.rawValue)",
                        at: node.place)
                }
                if spec.layers != nil, node.stateIndex == nil, !indices.contains(spec.index) {
                    throw HadalError(.mismatch, "state '\(state)' needs an index; none named '\(spec.index)' here", at: node.place)
                }
            }
        } catch let error as HadalError { report(error) } catch {}
        if let table = node.table { checkTable(table, indices) }
    }

    private mutating func checkTable(_ table: Formula, _ indices: Set<String>) {
        guard let name = table.bareName else {
            names(table, indices)
            // Which one it comes to is known only with a model.
            for spec in description.rope where table.text.contains("'\(spec.name)'") { usedTables.insert(spec.name) }
            return
        }
        usedTables.insert(name)
        if !description.rope.contains(where: { $0.name == name }) {
            report(
                HadalError(
                    .notFound, "no rope table '\(name)'", at: table.place,
                    hint: Suggestion.hint(for: name, among: description.rope.map(\.name))))
        }
    }

    private mutating func check(
        _ name: String, _ formula: Formula, _ contract: OpContract, _ values: Set<String>, _ indices: Set<String>
    ) {
        guard let bare = formula.bareName else {
            names(formula, indices)
            for spec in description.weights where formula.text.contains("'\(spec.name)'") { usedNames.insert(spec.name) }
            return
        }
        guard contract.inputs.first(where: { $0.name == name })?.kind == .weight else { return use(bare, values, formula.place) }
        usedNames.insert(bare)
        if description.weight(bare) == nil {
            report(
                HadalError(
                    .notFound, "no weight '\(bare)'", at: formula.place,
                    hint: Suggestion.hint(for: bare, among: description.weights.map(\.name))))
        }
    }

    private mutating func check(_ name: String, _ formula: Formula, _ contract: OpContract, _ indices: Set<String>) {
        guard let spec = contract.attributes.first(where: { $0.name == name }) else { return }
        // A bare word where a string is wanted is mostly a string without its quotes.
        if spec.kind == .string, let bare = formula.bareName, description.parameterIndex[bare] == nil, spec.choices.contains(bare) {
            report(HadalError(.notFound, "unknown name '\(bare)'", at: formula.place, hint: "a string is written \"'\(bare)'\""))
            return
        }
        names(formula, indices)
        var constant: ExpressionValue?
        switch formula.kind {
        case .constant(let value): constant = value
        case .expression(let expression): constant = expression.constant
        case .list: break
        }
        guard let constant, !constant.isNull else { return }
        do { _ = try spec.attribute(from: constant) } catch let error as HadalError { report(error.located(at: formula.place)) } catch {}
    }
}
