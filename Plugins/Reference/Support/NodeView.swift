import HadalBackend
import HadalCore
import HadalGraph

/// A node together with the segment it is part of: what an op is made from.
struct NodeView {
    let index: Int
    let segment: Segment
    var node: Graph.Node { segment.graph.nodes[index] }

    func fail(_ code: HadalError.Code, _ message: String) -> HadalError {
        HadalError(code, "\(node.label): \(node.op): \(message)")
    }

    func require(_ condition: @autoclosure () throws -> Bool, _ message: @autoclosure () throws -> String) throws {
        if try !condition() { throw fail(.mismatch, try message()) }
    }

    /// Every index is in range, every value is of a type that the ops compute on, and states are of a type that can be stored.
    func checkOperands() throws {
        let graph = segment.graph
        for operand in node.inputs {
            switch operand {
            case .none: break
            case .value(let i): try checkValue(i)
            case .weight(let i):
                try require(graph.weights.indices.contains(i) && segment.weights.indices.contains(i), "there is no weight \(i)")
            }
        }
        for output in node.outputs { try checkValue(output) }
        for state in node.states {
            try require(graph.states.indices.contains(state), "there is no state \(state)")
            guard DType.stateTypes.contains(segment.stateDType) else {
                throw fail(.unsupported, "states of \(segment.stateDType.name)")
            }
            try require(
                segment.pageTokens > 0 && graph.states[state].heads > 0 && graph.states[state].width > 0, "state \(state) is empty")
        }
    }

    private func checkValue(_ index: Int) throws {
        try require(segment.graph.values.indices.contains(index), "there is no value \(index)")
        let value = segment.graph.values[index]
        guard value.dtype == .f32 || value.dtype == .i32 else { throw fail(.unsupported, "activations of \(value.dtype.name)") }
        try require((1...2).contains(value.dims.count), "'\(value.name)' has \(value.dims.count) dimensions")
        for case .fixed(let n) in value.dims { try require(n >= 0, "'\(value.name)' has a negative extent") }
        if case .symbol = value.dims[value.dims.count - 1], value.dims.count == 2 {
            throw fail(.mismatch, "'\(value.name)' varies in its last dimension")
        }
    }

    /// Weights that `compile` is about to need are there.
    func checkWeightData() throws {
        for case .weight(let i) in node.inputs where segment.weights[i].bytes?.baseAddress == nil {
            throw fail(.invalidArgument, "weight '\(segment.graph.weights[i].name)' has no data")
        }
    }

    // MARK: operands

    func isPresent(_ input: Int) -> Bool { input < node.inputs.count && node.inputs[input] != .none }

    /// The last dim of a value, which is always fixed for matrices.
    func width(_ input: Int) throws -> Int {
        guard input < node.inputs.count, case .value(let i) = node.inputs[input],
            case .fixed(let n)? = segment.graph.values[i].dims.last
        else { throw fail(.mismatch, "input \(input) is not a matrix") }
        return n
    }

    func outputWidth(_ output: Int = 0) throws -> Int {
        guard output < node.outputs.count, case .fixed(let n)? = segment.graph.values[node.outputs[output]].dims.last else {
            throw fail(.mismatch, "output \(output) is not a matrix")
        }
        return n
    }

    /// All dims but the last of inputs and output must agree for row-wise ops.
    func rowDim(_ operand: Graph.Operand) throws -> Dim {
        guard case .value(let i) = operand else { throw fail(.mismatch, "a value is missing") }
        return segment.graph.values[i].dims[0]
    }

    func requireSameRows(_ inputs: [Int], outputs: [Int]? = nil) throws {
        let outputs = outputs ?? Array(node.outputs.indices)
        var dims: [Dim] = []
        for input in inputs {
            try require(input < node.inputs.count, "input \(input) is missing")
            dims.append(try rowDim(node.inputs[input]))
        }
        for output in outputs {
            try require(output < node.outputs.count, "output \(output) is missing")
            dims.append(segment.graph.values[node.outputs[output]].dims[0])
        }
        try require(Set(dims).count <= 1, "operands have different numbers of rows: \(dims.map(\.description).joined(separator: ", "))")
    }

    func matrix(_ input: Int) throws -> WeightMatrix {
        guard let matrix = try optionalMatrix(input) else { throw fail(.mismatch, "weight input \(input) is missing") }
        return matrix
    }

    func optionalMatrix(_ input: Int) throws -> WeightMatrix? {
        guard isPresent(input) else { return nil }
        guard case .weight(let i) = node.inputs[input] else { throw fail(.mismatch, "input \(input) must be a weight") }
        do { return try WeightMatrix(segment.graph.weights[i], segment.weights[i]) } catch let error as HadalError {
            throw fail(error.code, error.message)
        }
    }

    /// A one-dimensional weight of a known length.
    func optionalVector(_ input: Int, count: Int) throws -> WeightMatrix? {
        guard let vector = try optionalMatrix(input) else { return nil }
        try require(
            vector.rows == 1 && vector.columns == count,
            "weight input \(input) has \(vector.rows) x \(vector.columns) elements, not \(count)")
        return vector
    }

    func weightDims(_ input: Int) throws -> [Int] {
        guard input < node.inputs.count, case .weight(let i) = node.inputs[input] else {
            throw fail(.mismatch, "input \(input) must be a weight")
        }
        return segment.graph.weights[i].dims
    }

    /// - Parameter rows: of a head of a state of fixed size; nil: one for each token.
    func state(_ index: Int, heads: Int, rows: Int? = nil, width: Int) throws {
        try require(index < node.states.count, "state \(index) is missing")
        let state = segment.graph.states[node.states[index]]
        let wanted = Graph.State(name: state.name, heads: heads, width: width, rows: rows)
        try require(state == wanted, "state '\(state.name)' holds \(state.shapeText), not \(wanted.shapeText)")
    }

    // MARK: attributes

    func int(_ name: String) throws -> Int {
        guard let value = node.attributes[name]?.int else { throw fail(.mismatch, "attribute '\(name)' is missing") }
        return value
    }
    func float(_ name: String) throws -> Double {
        guard let value = node.attributes[name]?.float else { throw fail(.mismatch, "attribute '\(name)' is missing") }
        return value
    }
    func bool(_ name: String) throws -> Bool {
        guard let value = node.attributes[name]?.bool else { throw fail(.mismatch, "attribute '\(name)' is missing") }
        return value
    }
    func choice<T: RawRepresentable<String>>(_ name: String, _ type: T.Type) throws -> T {
        guard let text = node.attributes[name]?.string else { throw fail(.mismatch, "attribute '\(name)' is missing") }
        guard let value = T(rawValue: text) else { throw fail(.unsupported, "attribute '\(name)' is '\(text)'") }
        return value
    }
}
