import HadalCore
import HadalGraph

/// Where a statement stands.
struct StatementScope {
    /// Indices that count here.
    var indices: Set<String> = []
    var blocks: [String] = []
    /// Those around, the outermost first.
    var loops: [Loop] = []
    /// Whether a condition decides if what stands here is done.
    var isConditional = false

    struct Loop {
        var index: String
        /// How often, where the description says so; nil: a model says.
        var count: Int?
        /// At most so often, where the description says that.
        var most: Int?
        /// Whether some condition between the loop and here picks repetitions.
        var isGuarded = false
        var mayRepeat: Bool { most.map { $0 > 1 } ?? true }
    }

    func conditional(_ when: Formula?) -> StatementScope {
        guard when != nil else { return self }
        var copy = self
        copy.isConditional = true
        for i in copy.loops.indices { copy.loops[i].isGuarded = true }
        return copy
    }
}

extension StaticCheck {
    mutating func check(_ graph: GraphSpec) {
        if let when = graph.when { formula(when, [], .bool, "'when' of graph '\(graph.name)'") }
        var values: [String: ValueShape] = [:]
        for (name, dim) in GraphSpec.standardInputs { values[name] = ValueShape(dim, rank: 1, dtype: .i32) }
        if graph.name == "main" { values[GraphSpec.tokenTypes] = ValueShape(.tokens, rank: 1, dtype: .i32) }
        for input in graph.inputs {
            for dim in input.dims where dim.bareName != "T" && dim.bareName != "R" {
                formula(dim, [], .number, "input '\(input.name)'", in: 1...(1 << 32))
            }
            let first = input.dims.first?.bareName
            let rows: ValueShape.Rows = first == "T" ? .tokens : first == "R" ? .wanted : .other
            values[input.name] = ValueShape(rows: rows, rank: input.dims.count, dtype: input.dtype)
        }
        for feed in graph.feeds { check(feed, of: graph) }
        steps = 0
        skipped = [:]
        namedHidden = [:]
        valuesAreUncertain = false
        walk(graph.body, &values, StatementScope())
        let results = ModelResult.allCases.map(\.rawValue).filter { values[$0] != nil }
        for output in graph.outputs.isEmpty ? (results.isEmpty ? [ModelResult.logits.rawValue] : results) : graph.outputs {
            guard let shape = values[output] else {
                if valuesAreUncertain { continue }
                report(
                    skipped[output].map { GraphSpec.skippedValue(output, $0, at: graph.place) }
                        ?? HadalError(
                            .notFound, "graph '\(graph.name)' makes no '\(output)'", at: graph.place,
                            hint: Suggestion.hint(for: output, among: Array(values.keys))), cause: "value \(output)")
                continue
            }
            // What is made beside logits may have any name.
            guard let result = ModelResult(rawValue: output), result == .logits || results.first == output else { continue }
            if !shape.rows.contains(.wanted), !shape.rows.contains(.other) {
                report(graph.wrongShape(of: result, "[T, …]", at: shape.place ?? graph.place))
            } else if let rank = shape.rank, rank != 2 {
                report(graph.wrongShape(of: result, "\(rank) extents", at: shape.place ?? graph.place))
            }
        }
    }

    private mutating func check(_ feed: GraphSpec.Feed, of graph: GraphSpec) {
        names(feed.hidden, [])
        guard let value = constant(feed.hidden) else { return }
        guard value.int != nil || value.string != nil else {
            return report(GraphSpec.wrongFeed(feed, value, graph: graph.name))
        }
        guard let name = value.string, graph.name != "main", !hiddenNames.contains(name) else { return }
        let known = hiddenNames.map { "hidden.\($0)" }
        report(
            HadalError(
                .notFound, "graph '\(graph.name)' is fed with hidden.\(name), which the main graph does not name", at: graph.place,
                hint: Suggestion.hint(for: "hidden.\(name)", among: known)))
    }

    /// - Parameter values: those that some statement so far may have made.
    private mutating func walk(_ body: [Statement], _ values: inout [String: ValueShape], _ scope: StatementScope) {
        for statement in body {
            steps += 1
            guard steps <= Limits.steps else {
                if steps == Limits.steps + 1 {
                    report(HadalError(.limitExceeded, "the blocks expand to more than \(Limits.steps) statements"))
                }
                return
            }
            if let when = statement.when { formula(when, scope.indices, .bool, "'when'") }
            let before = values
            trail.append(statement.place)
            walk(statement, &values, scope.conditional(statement.when))
            trail.removeLast()
            guard let when = statement.when else { continue }
            if constant(when)?.bool == false {
                // What is never done makes nothing.
                for name in statement.outputs(in: description) where before[name] == nil { skipped[name] = .init(when: when) }
                values = before
            } else {
                values = before.merging(values) { $0.merged(with: $1) }
            }
        }
    }

    private mutating func walk(_ statement: Statement, _ values: inout [String: ValueShape], _ scope: StatementScope) {
        switch statement {
        case .node(let node): check(node, &values, scope)
        case .block(let name, _, let place):
            usedBlocks.insert(name)
            guard let block = description.block(name) else {
                valuesAreUncertain = true
                return report(
                    HadalError(
                        .notFound, "unknown block '\(name)'", at: place,
                        hint: Suggestion.hint(for: name, among: description.blocks.map(\.name))),
                    cause: "block \(name)")
            }
            guard !scope.blocks.contains(name), scope.blocks.count < Limits.blockDepth else {
                return report(
                    HadalError(
                        .malformed,
                        "block '\(name)' contains itself or lies too deep: \((scope.blocks + [name]).joined(separator: " -> "))",
                        at: place))
            }
            var inner = scope
            inner.blocks.append(name)
            walk(block, &values, inner)
        case .repeated(let count, let from, let index, _, _, let body, let place):
            if let from { formula(from, scope.indices, .number, "'from'", in: 0...Limits.nodes) }
            formula(count, scope.indices, .number, "'repeat'", in: 0...Limits.nodes)
            if scope.indices.contains(index) {
                report(HadalError(.malformed, "index '\(index)' is in use by an outer 'repeat'", at: place))
            }
            var inner = scope
            inner.indices.insert(index)
            // The index that its body asks for is another; the clash is reported.
            if clashingIndices.contains(index) { inner.indices.insert("layer") }
            inner.loops.append(.init(index: index, count: constant(count)?.int, most: most(count)))
            let before = values
            walk(body, &values, inner)
            // It may not be done at all.
            values = before.merging(values) { $0.merged(with: $1) }
        case .hidden(let name, let value, _, let place):
            hiddenNames.insert(name.text)
            for placeholder in name.placeholders where !scope.indices.contains(placeholder) {
                report(HadalError(.notFound, "'{\(placeholder)}' is not an index here", at: place), cause: "name \(placeholder)")
            }
            checkTwice(name, scope, place)
            use(value, values, place)
        }
    }

    /// A hidden state is named once.
    private mutating func checkTwice(_ name: NamePattern, _ scope: StatementScope, _ place: SourcePlace) {
        let again = HadalError(.malformed, "'hidden.\(name.text)' is named twice", at: place)
        guard name.placeholders.isSubset(of: scope.loops.map(\.index)) else { return }
        if let loop = scope.loops.first(where: { $0.mayRepeat && !$0.isGuarded && !name.placeholders.contains($0.index) }) {
            let hint =
                loop.index == name.text
                ? "a name of each repetition is written \"{\(loop.index)}\"" : "the 'repeat' over '\(loop.index)' names it every time"
            return report(HadalError(again.code, again.message, at: place, hint: hint))
        }
        guard !scope.isConditional, scope.loops.isEmpty, name.placeholders.isEmpty else { return }
        if let first = namedHidden[name.text] {
            report(HadalError(again.code, again.message, at: place, hint: "first at \(first)"))
        } else {
            namedHidden[name.text] = place
        }
    }

    mutating func use(_ value: String, _ values: [String: ValueShape], _ place: SourcePlace) {
        guard values[value] == nil, !valuesAreUncertain else { return }
        let error =
            if let skip = skipped[value] {
                GraphSpec.skippedValue(value, skip, at: place)
            } else {
                GraphSpec.unknownValue(value, among: Array(values.keys), description, at: place)
            }
        report(error, cause: "value \(value)")
    }
}
