import CHadalKernels
import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph

/// Turns a graph into kernel calls, fusing where it pays.
///
/// Activations are quantised once for all linears that read them, and all rotary embeddings with the same frequencies share one table of cosines and
/// sines. `Lowering+Fusion.swift` has the nodes that become one call.
struct Lowering {
    let segment: Segment
    let store: WeightStore
    var plan: [PlannedInstruction] = []
    /// Bytes of each arena slot.
    var slots: [Int] = []
    /// Where each value of the graph lives.
    var homes: [Home?]
    /// Nodes that an earlier call already did.
    var done: Set<Int> = []
    /// How many inputs read each value.
    let uses: [Int]
    let isOutput: [Bool]
    var quantised: [QuantisedValue: PlannedTensor] = [:]
    /// Streams by node, for the layers before them to guess for.
    var streams: [Int: ExpertStream] = [:]
    var tables: [(positions: Int, weight: Int, scale: Double, limit: Int, table: PlannedTensor)] = []

    var graph: Graph { segment.graph }

    init(_ segment: Segment, _ store: WeightStore) throws {
        self.segment = segment
        self.store = store
        let graph = segment.graph
        homes = Array(repeating: nil, count: graph.values.count)
        var uses = Array(repeating: 0, count: graph.values.count)
        var isOutput = Array(repeating: false, count: graph.values.count)
        for (i, value) in graph.inputs.enumerated() {
            guard graph.values.indices.contains(value) else { throw HadalError(.invalidArgument, "the graph has no value \(value)") }
            homes[value] = .input(i)
        }
        for (i, value) in graph.outputs.enumerated() {
            guard graph.values.indices.contains(value) else { throw HadalError(.invalidArgument, "the graph has no value \(value)") }
            isOutput[value] = true
            if homes[value] == nil { homes[value] = .output(i) }
        }
        for node in graph.nodes {
            for case .value(let value) in node.inputs where graph.values.indices.contains(value) { uses[value] += 1 }
        }
        self.uses = uses
        self.isOutput = isOutput
    }

    mutating func lower() throws {
        for index in graph.nodes.indices where !done.contains(index) {
            do { try lower(index) } catch let error as HadalError {
                throw HadalError(error.code, "\(graph.nodes[index].label): \(error.message)", at: error.place, hint: error.hint)
            }
        }
        // An output that is also an input, or listed twice, has its home elsewhere.
        for (i, value) in graph.outputs.enumerated() where homes[value] != .output(i) {
            let from = try tensor(of: value)
            var to = from
            to.home = .output(i)
            plan.append(
                PlannedInstruction(kernel: try kernel(Op.split), inputs: [from], outputs: [to], node: max(graph.nodes.count - 1, 0)))
        }
    }

    /// A value as 8-bit rows.
    struct QuantisedValue: Hashable {
        var value: Int
        var precision: Precision
    }

    /// How closely 8-bit rows follow a value: in one term, or with a second one for blocks whose error is more than `share` times the average.
    struct Precision: Hashable {
        var terms: Int
        var share = 0.0

        static let eight = Precision(terms: 1)
        static let fifteen = Precision(terms: 2)
        /// A second term for outliers: their blocks make up most of the error of a row that has some.
        static let outliers = Precision(terms: 2, share: 8)
        /// Nothing after the head damps its error.
        static let logits = Precision(terms: 2, share: 1)

        /// Of a term of each value, and of its list of blocks.
        func stride(columns: Int) -> Int { Int(hadal_quantised_stride(Int64(columns), Int64(terms))) }
        var attribute: hadal_kernel_attribute { hadal_kernel_attribute(share) }
    }

    // MARK: Operands

    func rowsAtMost(_ rows: Dim) -> Int {
        switch rows {
        case .fixed(let n): n
        case .symbol(let symbol): segment.bounds[symbol]
        }
    }

    mutating func newSlot(rows: Dim, stride: Int) throws -> Home {
        let (bytes, overflow) = rowsAtMost(rows).multipliedReportingOverflow(by: stride)
        guard !overflow, bytes >= 0 else { throw HadalError(.outOfMemory, "an activation is too large to address") }
        slots.append(bytes)
        return .slot(slots.count - 1)
    }

    /// A value as rows and columns; its home must be known.
    func tensor(of value: Int) throws -> PlannedTensor {
        guard graph.values.indices.contains(value), let home = homes[value] else {
            throw HadalError(.invalidArgument, "value \(value) is read before it is made")
        }
        return try shape(of: value, home: home)
    }

    private func shape(of value: Int, home: Home) throws -> PlannedTensor {
        let declared = graph.values[value]
        guard let rows = declared.dims.first else { throw HadalError(.unsupported, "value '\(declared.name)' has no dimensions") }
        var columns = 1
        for dim in declared.dims.dropFirst() {
            guard case .fixed(let n) = dim, n > 0 else {
                throw HadalError(.unsupported, "only the first dimension of a value may vary ('\(declared.name)')")
            }
            let (product, overflow) = columns.multipliedReportingOverflow(by: n)
            guard !overflow, product <= Int(Int32.max) else { throw HadalError(.limitExceeded, "value '\(declared.name)' is too wide") }
            columns = product
        }
        guard declared.dtype == .f32 || declared.dtype == .i32 else {
            throw HadalError(.unsupported, "values of type \(declared.dtype.name) ('\(declared.name)')")
        }
        return PlannedTensor(home: home, rows: rows, columns: columns, stride: columns * 4, dtype: declared.dtype.rawValue)
    }

    /// The tensor a node writes: the binding of an output, or a new slot.
    mutating func result(_ value: Int) throws -> PlannedTensor {
        guard graph.values.indices.contains(value) else { throw HadalError(.invalidArgument, "the graph has no value \(value)") }
        if let home = homes[value] { return try shape(of: value, home: home) }
        let made = try shape(of: value, home: .absent)
        let home = try newSlot(rows: made.rows, stride: made.stride)
        homes[value] = home
        return try shape(of: value, home: home)
    }

    /// The contract that a node's kernels were written for.
    func contract(of node: Graph.Node) throws -> OpContract { try store.device.kernels.contract(of: node.op) }

    /// An input by the contract's name: absent, a value, or parameters widened to float32.
    func operand(_ node: Graph.Node, _ name: String) throws -> PlannedTensor { try operand(node, contract(of: node).place(ofInput: name)) }

    /// The same of an input that contracts of before do not name.
    func optionalOperand(_ node: Graph.Node, _ name: String) throws -> PlannedTensor {
        try contract(of: node).inputs.contains { $0.name == name } ? operand(node, name) : .absent
    }

    /// An input as a matrix in the layout that the store keeps it in. Of several matrices, rows are those of one.
    func matrix(_ node: Graph.Node, _ name: String) throws -> PlannedTensor { try matrix(node, contract(of: node).place(ofInput: name)) }

    /// The index of a weight, which has to be there.
    func weight(_ node: Graph.Node, _ name: String) throws -> Int {
        if let index = try node.weight(name, contract(of: node)) { return index }
        throw HadalError(.invalidArgument, "input '\(name)' of \(node.op) is not a weight")
    }

    /// Input `index` of a node, as by name.
    func operand(_ node: Graph.Node, _ index: Int) throws -> PlannedTensor {
        guard index < node.inputs.count else { return .absent }
        switch node.inputs[index] {
        case .none: return .absent
        case .value(let value): return try tensor(of: value)
        case .weight(let weight):
            let columns = graph.weights[weight].dims.last ?? 1
            return PlannedTensor(
                home: .constant(try store.vector(weight)), rows: .fixed(graph.weights[weight].elements / max(columns, 1)),
                columns: columns, stride: columns * 4, dtype: DType.f32.rawValue)
        }
    }

    /// As `operand`, for kernels that know no packed or quantised weights: those are decoded to float32, matrices one after the other.
    func plainOperand(_ node: Graph.Node, _ index: Int) throws -> PlannedTensor {
        guard index < node.inputs.count, case .weight(let weight) = node.inputs[index] else { return try operand(node, index) }
        let columns = graph.weights[weight].dims.last ?? 1
        return PlannedTensor(
            home: .constant(try store.floats(weight)), rows: .fixed(graph.weights[weight].elements / max(columns, 1)), columns: columns,
            stride: columns * 4, dtype: DType.f32.rawValue)
    }

    /// Input `index` as a matrix, as by name.
    func matrix(_ node: Graph.Node, _ index: Int) throws -> PlannedTensor {
        guard index < node.inputs.count, case .weight(let weight) = node.inputs[index] else {
            throw HadalError(.invalidArgument, "input \(index) of \(node.op) is not a weight")
        }
        let declared = graph.weights[weight]
        // What is read as it is needed has no place yet.
        let stored =
            WeightStore.isStreamed(weight, segment, store.device)
            ? nil : try store.matrix(weight)
        let dims = declared.dims.suffix(2)
        guard let rows = dims.first, let columns = dims.last, dims.count == 2 else {
            throw HadalError(.invalidArgument, "weight '\(declared.name)' is not a matrix")
        }
        return PlannedTensor(
            home: stored.map { .constant($0.pointer) } ?? .absent, rows: .fixed(rows), columns: columns,
            stride: declared.dtype.byteCount(elements: columns) ?? 0, dtype: declared.dtype.rawValue,
            packing: stored?.packing ?? WeightStore.packing(of: declared, store.device))
    }
}
