import HadalCore
import HadalFormats
import HadalGraph

/// Turns the statements of one graph into nodes.
struct GraphExpansion {
    let context: BuildContext
    let catalogue: OpCatalogue
    let spec: GraphSpec
    var builder: GraphBuilder
    var variables: [String: Int] = [:]
    var hidden: [String: Int] = [:]
    var bindings: [String: WeightBinding] = [:]
    private var indices: [String: Int] = [:]
    private var path: [String] = []
    private var blockStack: [String] = []
    private var steps = 0
    private var weightIndex: [String: Int] = [:]
    private var stateIndex: [String: Int] = [:]
    private var takenNames: Set<String> = []
    /// The statements that led to the one at hand; at an error, to that.
    private var trail: [SourcePlace] = []
    /// Values that a condition has kept from being made.
    private var skipped: [String: GraphSpec.Skip] = [:]
    /// The repetition in which nodes first used a state that has no layers.
    private var stateUsers: [String: [String: Int]] = [:]
    /// What the main graph gives.
    private(set) var result = ModelResult.logits
    /// States that a node so far has written this step's rows to.
    private var appended: Set<Int> = []

    init(_ context: BuildContext, _ catalogue: OpCatalogue, _ spec: GraphSpec) {
        self.context = context
        self.catalogue = catalogue
        self.spec = spec
        builder = GraphBuilder(name: spec.name, catalogue: catalogue)
    }

    private var scope: BuildContext.Scope { context.scope(indices) }

    /// - Throws: `HadalError` at the line that is at fault, of the last file where that changes what is inherited.
    mutating func run() throws -> Graph {
        do { return try build() } catch let error as HadalError {
            throw Blame(context.description.document)?.own(error, trail: trail) ?? error
        }
    }

    private mutating func build() throws -> Graph {
        for (name, dim) in GraphSpec.standardInputs { variables[name] = builder.input(name, dtype: .i32, dims: [dim]) }
        for input in spec.inputs {
            let dims = try input.dims.map { formula -> Dim in
                switch formula.bareName {
                case "T": .tokens
                case "R": .rows
                default: .fixed(try formula.int(scope, "input '\(input.name)'", in: 1...(1 << 32)))
                }
            }
            variables[input.name] = builder.input(input.name, dtype: input.dtype, dims: dims)
        }
        takenNames = Set(variables.keys)
        try expand(spec.body)
        result = ModelResult.allCases.first { variables[$0.rawValue] != nil } ?? .logits
        for output in spec.outputs.isEmpty ? [result.rawValue] : spec.outputs {
            guard let value = variables[output] else {
                if let skip = skipped[output] { throw GraphSpec.skippedValue(output, skip, at: spec.place) }
                throw HadalError(.notFound, "graph '\(spec.name)' makes no '\(output)'", at: spec.place)
            }
            if let result = ModelResult(rawValue: output) { try check(result, builder.graph.values[value].dims) }
            builder.output(value)
        }
        return builder.graph
    }

    private func check(_ result: ModelResult, _ dims: [Dim]) throws {
        let vocabulary = try context.description.facts?.vocabularySize.int(scope, "vocabulary_size") ?? 0
        let shape = "[" + dims.map(\.description).joined(separator: ", ") + "]"
        switch result {
        case .logits where dims != [.rows, .fixed(vocabulary)]:
            throw spec.wrongShape(of: result, dims.first == .rows ? "\(shape), and V is \(vocabulary)" : shape, at: spec.place)
        case .score where dims != [.rows, .fixed(1)]: throw spec.wrongShape(of: result, shape, at: spec.place)
        case .embedding where dims.count != 2 || dims[0] != .rows: throw spec.wrongShape(of: result, shape, at: spec.place)
        default: return
        }
    }

    private mutating func step(_ place: SourcePlace) throws {
        steps += 1
        guard steps <= Limits.steps else {
            throw HadalError(.limitExceeded, "graph '\(spec.name)' expands to more than \(Limits.steps) statements", at: place)
        }
    }

    private mutating func expand(_ body: [Statement]) throws {
        for statement in body {
            try step(statement.place)
            trail.append(statement.place)
            if let when = statement.when, try !when.bool(scope, "'when'") {
                let skip = GraphSpec.Skip(when: when, label: path.isEmpty ? nil : path.joined(separator: "."))
                for name in statement.outputs(in: context.description) where variables[name] == nil { skipped[name] = skip }
            } else {
                try expand(statement)
            }
            // Left as it is where an error is thrown: that is where it leads.
            trail.removeLast()
        }
    }

    private mutating func expand(_ statement: Statement) throws {
        switch statement {
        case .node(let node): try add(node)
        case .block(let name, _, let place):
            guard let block = context.description.block(name) else {
                throw HadalError(
                    .notFound, "unknown block '\(name)'", at: place,
                    hint: Suggestion.hint(for: name, among: context.description.blocks.map(\.name)))
            }
            guard !blockStack.contains(name) else {
                throw HadalError(
                    .malformed, "block '\(name)' contains itself: \((blockStack + [name]).joined(separator: " -> "))", at: place)
            }
            guard blockStack.count < Limits.blockDepth else {
                throw HadalError(.limitExceeded, "blocks nested deeper than \(Limits.blockDepth)", at: place)
            }
            blockStack.append(name)
            path.append(name)
            try expand(block)
            path.removeLast()
            blockStack.removeLast()
        case .repeated(let count, let from, let index, let label, _, let body, let place):
            let n = try count.int(scope, "'repeat'", in: 0...Limits.nodes)
            let first = try from?.int(scope, "'from'", in: 0...Limits.nodes) ?? 0
            guard indices[index] == nil else {
                throw HadalError(.malformed, "index '\(index)' is in use by an outer 'repeat'", at: place)
            }
            guard indices.count < Limits.repeatDepth else {
                throw HadalError(.limitExceeded, "'repeat' nested deeper than \(Limits.repeatDepth)", at: place)
            }
            for i in first..<first + n {
                try step(place)
                indices[index] = i
                path.append("\(label).\(i)")
                try expand(body)
                path.removeLast()
            }
            indices[index] = nil
        case .hidden(let name, let value, _, let place):
            let index = try variable(value, place)
            let (names, unknown) = name.expanded { indices[$0].map { [String($0)] } }
            guard let text = names.first, unknown == nil else {
                throw HadalError(.notFound, "'{\(unknown ?? "")}' is not an index here", at: place)
            }
            guard hidden.updateValue(index, forKey: "hidden.\(text)") == nil else {
                throw HadalError(.malformed, "'hidden.\(text)' is named twice", at: place)
            }
        }
    }

    private func unknownValue(_ name: String, _ place: SourcePlace) -> HadalError {
        if let skip = skipped[name] { return GraphSpec.skippedValue(name, skip, at: place) }
        return GraphSpec.unknownValue(name, among: Array(variables.keys), context.description, at: place)
    }

    private mutating func uniqueName(_ name: String) -> String {
        var candidate = name
        var n = 2
        while !takenNames.insert(candidate).inserted {
            candidate = "\(name)#\(n)"
            n += 1
        }
        return candidate
    }

    private mutating func add(_ node: Statement.NodeSpec) throws {
        guard builder.graph.nodes.count < Limits.nodes else {
            throw HadalError(.limitExceeded, "graph '\(spec.name)' has more than \(Limits.nodes) nodes", at: node.place)
        }
        let label = (path + [node.label ?? node.outputs.first ?? node.op]).joined(separator: ".")
        let contract = try NodeBinding.contract(node, catalogue)
        let members = try NodeBinding(node, contract)

        var attributes: [String: ExpressionValue] = [:]
        for (name, formula) in members.attributes {
            let value = try formula.evaluate(scope)
            // Null leaves an attribute at its default.
            if value.isNull { continue }
            do { _ = try contract.attributes.first { $0.name == name }?.attribute(from: value) } catch let error as HadalError {
                throw HadalError(error.code, "\(label): \(contract.name): \(error.message)", at: formula.place)
            }
            attributes[name] = value
        }
        var operands = try operands(node, contract, members, label: label)
        if let table = node.table { try useTable(table, contract, &operands, &attributes, label: label) }
        let states = try states(node, label: label)
        try noteAppends(node, contract, operands, states, label: label)
        let prefix = path.isEmpty ? "" : path.joined(separator: ".") + "."
        let names = node.outputs.map { uniqueName(prefix + $0) }
        let made: [Int]
        do {
            made = try builder.node(
                node.op, label: label, inputs: operands, states: states, attributes: attributes, outputNames: names)
        } catch let error as HadalError { throw error.located(at: node.place) }
        for (name, value) in zip(node.outputs, made) { variables[name] = value }
    }

    private mutating func operands(
        _ node: Statement.NodeSpec, _ contract: OpContract, _ members: NodeBinding, label: String
    ) throws -> [Graph.Operand] {
        var operands: [Graph.Operand] = []
        for input in contract.inputs {
            if input.variadic {
                for name in members.variadic { operands.append(.value(try variable(name, node.place))) }
                continue
            }
            if let name = members.positional[input.name] {
                operands.append(.value(try variable(name, node.place)))
            } else if let formula = members.operands[input.name] {
                let name = try formula.name(scope, "\(label): '\(input.name)'")
                operands.append(try name.map { try operand(input, $0, formula.place, label: label) } ?? .none)
            } else {
                operands.append(.none)
            }
        }
        return operands
    }

    private mutating func variable(_ name: String, _ place: SourcePlace) throws -> Int {
        if let value = variables[name] { return value }
        guard name == GraphSpec.tokenTypes, spec.name == "main" else { throw unknownValue(name, place) }
        takenNames.insert(name)
        let value = builder.input(name, dtype: .i32, dims: [.tokens])
        variables[name] = value
        return value
    }

    private mutating func operand(_ input: OpContract.Input, _ name: String, _ place: SourcePlace, label: String) throws -> Graph.Operand {
        if input.kind == .value { return .value(try variable(name, place)) }
        guard let weightSpec = context.description.weight(name) else {
            throw HadalError(
                .notFound, "\(label): no weight '\(name)'", at: place,
                hint: Suggestion.hint(for: name, among: context.description.weights.map(\.name)))
        }
        let found: ResolvedWeight?
        do { found = try context.weight(weightSpec, indices, wanted: label) } catch let error as HadalError
            where !context.description.isBuiltIn && error.place?.file != weightSpec.place.file
        {
            let hint = error.hint.adding("'\(name)' is described at \(weightSpec.place)")
            throw HadalError(error.code, error.message, at: error.place, hint: hint)
        }
        guard let weight = found else {
            guard input.optional else {
                throw HadalError(.mismatch, "\(label): '\(input.name)' needs weight '\(name)', which this model does not have", at: place)
            }
            return .none
        }
        return .weight(try use(weight, for: input, label: label))
    }

    /// Adds a weight to the graph once, widened where the op does not take its stored type.
    private mutating func use(_ weight: ResolvedWeight, for input: OpContract.Input, label: String) throws -> Int {
        var (name, recipe, dtype) = (weight.name, weight.recipe, weight.dtype)
        guard BlockCodec.dtypes.contains(dtype) else {
            throw HadalError(
                .unsupported,
                "\(label): tensor '\(recipe.tensors.first?.name ?? name)' is \(dtype.name); '\(input.name)' requires floating-point numbers",
                at: recipe.tensors.first?.place)
        }
        let refused = !input.dtypes.isEmpty && !input.dtypes.contains(dtype)
        if dtype == .f64 || (refused && input.dtypes.contains(.f32)) {
            (name, recipe, dtype) = (name + ".f32", .float(recipe), .f32)
        }
        if let known = weightIndex[name] { return known }
        let index = builder.weight(.init(name: name, dtype: dtype, dims: weight.dims))
        weightIndex[name] = index
        bindings[name] = WeightBinding(name: name, dtype: dtype, dims: weight.dims, content: .stored(recipe))
        return index
    }

    private mutating func useTable(
        _ formula: Formula, _ contract: OpContract, _ operands: inout [Graph.Operand], _ attributes: inout [String: ExpressionValue],
        label: String
    ) throws {
        guard let name = try formula.name(scope, "\(label): 'table'") else { return }
        guard let ropeSpec = context.description.rope.first(where: { $0.name == name }) else {
            throw HadalError(
                .notFound, "\(label): no rope table '\(name)'", at: formula.place,
                hint: Suggestion.hint(for: name, among: context.description.rope.map(\.name)))
        }
        guard let position = contract.inputs.firstIndex(where: { $0.name == "inv_freq" }) else {
            throw HadalError(.mismatch, "\(label): op \(contract.name) takes no 'table'", at: formula.place)
        }
        let table = try context.ropeTable(ropeSpec, indices, wanted: label)
        let used = ropeSpec.names
        let key = "rope." + name + indices.filter { used.contains($0.key) }.sorted { $0.key < $1.key }.map { ".\($0.value)" }.joined()
        if weightIndex[key] == nil {
            weightIndex[key] = builder.weight(.init(name: key, dtype: .f32, dims: table.dims))
            bindings[key] = WeightBinding(name: key, dtype: .f32, dims: table.dims, content: .rope(table))
        }
        operands[position] = weightIndex[key].map { .weight($0) } ?? .none
        let given: [String: ExpressionValue] = [
            "rotary": .int(table.dim), "scale": .float(table.scale), "switch_length": .int(table.switchLength),
        ]
        attributes.merge(given) { stated, _ in stated }
    }

    /// A node that is given nothing to append reads what another has appended in this step.
    private mutating func noteAppends(
        _ node: Statement.NodeSpec, _ contract: OpContract, _ operands: [Graph.Operand], _ states: [Int], label: String
    ) throws {
        let places = contract.appendedInputs
        let reads = !places.isEmpty && places.allSatisfy { $0 < operands.count && operands[$0] == .none }
        guard reads, spec.name == "main" else { return appended.formUnion(states) }
        guard appended.isSuperset(of: states) else {
            throw HadalError(
                .mismatch,
                "\(label): nothing has been appended to state '\(node.states.joined(separator: ", "))' that \(contract.name) is to read here",
                at: node.place, hint: "give it \(places.map { "'\(contract.inputs[$0].name)'" }.joined(separator: " and "))")
        }
    }

    private mutating func states(_ node: Statement.NodeSpec, label: String) throws -> [Int] {
        try node.states.flatMap { try states($0, node, label: label) }
    }

    /// Those of the graph that a declared one is for a node.
    private mutating func states(_ name: String, _ node: Statement.NodeSpec, label: String) throws -> [Int] {
        guard let spec = context.description.states.first(where: { $0.name == name }) else {
            throw HadalError(
                .notFound, "\(label): no state '\(name)'", at: node.place,
                hint: Suggestion.hint(for: name, among: context.description.states.map(\.name)))
        }
        var (local, instance) = (indices, name)
        if let layers = spec.layers {
            let count = try layers.int(scope, "layers of state '\(name)'", in: 0...Limits.nodes)
            let number = try node.stateIndex.map { try $0.int(scope, "'state_index'") } ?? indices[spec.index]
            guard let number else {
                throw HadalError(.mismatch, "\(label): state '\(name)' needs an index; none named '\(spec.index)' here", at: node.place)
            }
            guard (0..<count).contains(number) else {
                throw HadalError(.mismatch, "\(label): state '\(name)' has \(count) layers, no number \(number)", at: node.place)
            }
            local[spec.index] = number
            instance += ".\(number)"
        } else if let index = node.stateIndex {
            let number = try index.int(scope, "'state_index'")
            guard number == 0 else {
                throw HadalError(.mismatch, "\(label): state '\(name)' has no 'layers', so it has no number \(number)", at: node.place)
            }
        } else {
            // One cache for the nodes of one repetition. Those of another would write over what these remember.
            guard stateUsers[name, default: indices] == indices else {
                throw GraphSpec.sharedState(name, at: node.place, declared: spec.place)
            }
            stateUsers[name] = indices
        }
        let inner = context.scope(local)
        func extent(_ formula: Formula?, _ what: String) throws -> Int {
            try formula?.int(inner, "\(what) of state '\(name)'", in: 1...Limits.stateExtent) ?? 1
        }
        let wanted: [Graph.State]
        switch spec.kind {
        case .kv:
            let heads = try extent(spec.heads, "heads")
            wanted = [
                .init(name: "\(instance).key", heads: heads, width: try extent(spec.key, "key")),
                .init(name: "\(instance).value", heads: heads, width: try extent(spec.value, "value")),
            ]
        case .latent: wanted = [.init(name: instance, heads: 1, width: try extent(spec.width, "width"))]
        case .recurrent:
            let shape = try Array(repeating: 1, count: 3 - spec.shape.count) + spec.shape.map { try extent($0, "shape") }
            wanted = [.init(name: instance, heads: shape[0], width: shape[2], rows: shape[1])]
        case .window:
            wanted = [.init(name: instance, heads: 1, width: try extent(spec.width, "width"), rows: try extent(spec.rows, "rows"))]
        }
        return wanted.map { state in
            if let known = stateIndex[state.name] { return known }
            let index = builder.state(state)
            stateIndex[state.name] = index
            return index
        }
    }
}
