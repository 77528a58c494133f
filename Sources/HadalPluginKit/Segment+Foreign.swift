import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph

extension Segment {
    /// Reads a segment that the host passes. Weight data is not copied.
    ///
    /// - Throws: `.unsupported` for types, symbols and attribute kinds that this kit does not know; `.invalidArgument` for a struct
    ///   that breaks the ABI's rules.
    init(foreign pointer: UnsafePointer<hadal_segment>) throws {
        guard Int(pointer.pointee.size) >= MemoryLayout<hadal_segment>.size else { throw ForeignError.missing("complete segment") }
        let c = pointer.pointee
        var graph = Graph(name: foreignString(c.name) ?? "")
        graph.values = try ForeignArray(c.values, c.value_stride, c.value_count, "values").map(Self.value)
        var data: [WeightData] = []
        for weight in try ForeignArray(c.weights, c.weight_stride, c.weight_count, "weights", of: hadal_weight(), least: Self.leastWeight) {
            graph.weights.append(try Self.weight(weight))
            data.append(try Self.data(weight))
        }
        let states = Array(
            try ForeignArray(c.states, c.state_stride, c.state_count, "states", of: hadal_state(), least: Self.leastState))
        graph.states = try states.map {
            guard let name = foreignString($0.name) else { throw ForeignError.missing("name of a state") }
            return Graph.State(name: name, heads: Int($0.heads), width: Int($0.width), rows: $0.rows == 0 ? nil : Int($0.rows))
        }
        var stateDType = DType.f32
        guard states.allSatisfy({ $0.rows == 0 || $0.dtype == stateDType.rawValue }) else {
            throw HadalError(.unsupported, "states of fixed size of another type than float32")
        }
        let pageTokens = states.first.map { Int($0.page_tokens) } ?? 64
        if let first = states.first(where: { $0.rows == 0 }) {
            stateDType = try Self.dtype(first.dtype)
            guard states.allSatisfy({ $0.rows > 0 || $0.dtype == first.dtype }), states.allSatisfy({ $0.page_tokens == first.page_tokens })
            else { throw HadalError(.unsupported, "states of different types or page sizes in one segment") }
        }
        graph.inputs = try Self.indices(c.inputs, c.input_count, below: graph.values.count, "inputs")
        graph.outputs = try Self.indices(c.outputs, c.output_count, below: graph.values.count, "outputs")
        for node in try ForeignArray(c.nodes, c.node_stride, c.node_count, "nodes") {
            graph.nodes.append(try Self.node(node, attributeStride: c.attribute_stride, in: graph))
        }
        self.init(
            graph: graph, weights: data,
            bounds: Bounds(tokens: Int(c.tokens_bound), sequences: Int(c.sequences_bound), rows: Int(c.rows_bound)),
            stateDType: stateDType, pageTokens: pageTokens)
    }

    /// Bytes of a state without what was added to it later.
    private static let leastState = MemoryLayout<hadal_state>.offset(of: \.rows) ?? MemoryLayout<hadal_state>.size
    /// Bytes of a weight without what was added to it later.
    private static let leastWeight = MemoryLayout<hadal_weight>.offset(of: \.pieces) ?? MemoryLayout<hadal_weight>.size

    private static func dtype(_ number: UInt32) throws -> DType {
        guard let dtype = DType(rawValue: number) else { throw HadalError(.unsupported, "element type \(number) is not known here") }
        return dtype
    }

    private static func indices(_ base: UnsafePointer<UInt32>?, _ count: UInt32, below limit: Int, _ what: String) throws -> [Int] {
        guard count > 0 else { return [] }
        guard let base else { throw ForeignError.missing(what) }
        return try UnsafeBufferPointer(start: base, count: Int(count)).map {
            guard Int($0) < limit else { throw HadalError(.invalidArgument, "\(what) name index \($0) of \(limit)") }
            return Int($0)
        }
    }

    private static func value(_ c: hadal_value) throws -> Graph.Value {
        guard let name = foreignString(c.name) else { throw ForeignError.missing("name of a value") }
        guard c.rank <= HADAL_MAX_DIMS else { throw HadalError(.unsupported, "'\(name)' has \(c.rank) dimensions") }
        let dims = try [c.dims.0, c.dims.1, c.dims.2, c.dims.3].prefix(Int(c.rank)).map { dim -> Dim in
            if dim.symbol == UInt32(HADAL_SYMBOL_NONE) { return .fixed(Int(dim.extent)) }
            guard let symbol = Dim.Symbol(rawValue: dim.symbol) else {
                throw HadalError(.unsupported, "'\(name)' has a symbol \(dim.symbol) that is not known here")
            }
            return .symbol(symbol)
        }
        return Graph.Value(name: name, dtype: try dtype(c.dtype), dims: dims)
    }

    /// A weight's name, type and shape.
    static func weight(foreign pointer: UnsafePointer<hadal_weight>) throws -> Graph.Weight {
        guard Int(pointer.pointee.size) >= leastWeight else { throw ForeignError.missing("complete weight") }
        return try weight(readPrefix(of: pointer, size: pointer.pointee.size, over: hadal_weight()))
    }

    private static func weight(_ c: hadal_weight) throws -> Graph.Weight {
        guard let name = foreignString(c.name) else { throw ForeignError.missing("name of a weight") }
        guard c.rank <= HADAL_MAX_DIMS else { throw HadalError(.unsupported, "'\(name)' has \(c.rank) dimensions") }
        let dims = [c.dims.0, c.dims.1, c.dims.2, c.dims.3].prefix(Int(c.rank)).map { Int($0) }
        return Graph.Weight(name: name, dtype: try dtype(c.dtype), dims: dims)
    }

    private static func data(_ c: hadal_weight) throws -> WeightData {
        guard let count = Int(exactly: c.bytes) else { throw HadalError(.invalidArgument, "a weight of \(c.bytes) bytes") }
        var data = WeightData(bytes: c.data.map { UnsafeRawBufferPointer(start: $0, count: count) })
        if c.file >= 0 { data.file = (descriptor: c.file, offset: c.file_offset) }
        if let pieces = c.pieces, c.rank > 0, let count = Int(exactly: c.dims.0), count > 0 {
            data.pieces = try UnsafeBufferPointer(start: pieces, count: count).map {
                guard let bytes = Int(exactly: $0.bytes) else { throw HadalError(.invalidArgument, "a piece of \($0.bytes) bytes") }
                return WeightData.Piece(descriptor: $0.file, offset: $0.offset, bytes: bytes)
            }
        }
        if let scale = c.scale {
            data.scales = BlockScales(
                values: scale, rows: Int(c.scale_dims.0), columns: Int(c.scale_dims.1),
                block: (rows: Int(c.scale_block.0), columns: Int(c.scale_block.1)))
        }
        return data
    }

    private static func node(_ c: hadal_node, attributeStride: UInt32, in graph: Graph) throws -> Graph.Node {
        guard let op = foreignString(c.op) else { throw ForeignError.missing("op of a node") }
        guard c.input_count == 0 || c.inputs != nil else { throw ForeignError.missing("operands of '\(op)'") }
        let inputs = try UnsafeBufferPointer(start: c.inputs, count: Int(c.input_count)).map { operand -> Graph.Operand in
            let index = Int(operand.index)
            switch Int(operand.kind) {
            case Int(HADAL_OPERAND_NONE): return .none
            case Int(HADAL_OPERAND_VALUE) where index < graph.values.count: return .value(index)
            case Int(HADAL_OPERAND_WEIGHT) where index < graph.weights.count: return .weight(index)
            default: throw HadalError(.invalidArgument, "'\(op)' has an operand of kind \(operand.kind) and index \(index)")
            }
        }
        var attributes: [String: Attribute] = [:]
        for attribute in try ForeignArray(c.attributes, attributeStride, c.attribute_count, "attributes") {
            guard let name = foreignString(attribute.name) else { throw ForeignError.missing("name of an attribute") }
            attributes[name] = try self.attribute(attribute, name)
        }
        return Graph.Node(
            label: foreignString(c.label) ?? op, op: op, inputs: inputs,
            outputs: try indices(c.outputs, c.output_count, below: graph.values.count, "outputs of '\(op)'"),
            states: try indices(c.states, c.state_count, below: graph.states.count, "states of '\(op)'"), attributes: attributes)
    }

    private static func attribute(_ c: hadal_attribute, _ name: String) throws -> Attribute {
        let count = Int(c.count)
        switch Int(c.kind) {
        case Int(HADAL_ATTRIBUTE_BOOL): return .bool(c.int_value != 0)
        case Int(HADAL_ATTRIBUTE_INT): return .int(Int(c.int_value))
        case Int(HADAL_ATTRIBUTE_FLOAT): return .float(c.float_value)
        case Int(HADAL_ATTRIBUTE_STRING): return .string(foreignString(c.string_value) ?? "")
        case Int(HADAL_ATTRIBUTE_INTS) where count == 0 || c.ints != nil:
            return .ints(UnsafeBufferPointer(start: c.ints, count: count).map { Int($0) })
        case Int(HADAL_ATTRIBUTE_FLOATS) where count == 0 || c.floats != nil:
            return .floats(Array(UnsafeBufferPointer(start: c.floats, count: count)))
        default: throw HadalError(.unsupported, "attribute '\(name)' is of kind \(c.kind)")
        }
    }
}

/// An array of structs with a stride, as the ABI passes them.
struct ForeignArray<Element: BitwiseCopyable>: Sequence {
    private let base: UnsafeRawPointer?
    private let stride: Int
    private let zero: Element?
    let count: Int

    init(_ base: UnsafePointer<Element>?, _ stride: UInt32, _ count: UInt32, _ what: String) throws {
        try self.init(base, stride, count, what, of: nil, least: MemoryLayout<Element>.size)
    }

    /// - Parameters:
    ///   - zero: what an element that the other side knows less of is filled up with.
    ///   - least: bytes that every version of the element has.
    init(_ base: UnsafePointer<Element>?, _ stride: UInt32, _ count: UInt32, _ what: String, of zero: Element?, least: Int) throws {
        guard count == 0 || (base != nil && Int(stride) >= least) else { throw ForeignError.missing(what) }
        self.base = UnsafeRawPointer(base)
        self.stride = Int(stride)
        self.count = Int(count)
        self.zero = zero
    }

    var first: Element? { count == 0 ? nil : element(0) }

    private func element(_ index: Int) -> Element? {
        guard let base else { return nil }
        guard stride < MemoryLayout<Element>.size, let zero else { return base.load(fromByteOffset: index * stride, as: Element.self) }
        return readPrefix(of: (base + index * stride).assumingMemoryBound(to: Element.self), size: UInt32(stride), over: zero)
    }

    func makeIterator() -> some IteratorProtocol<Element> { (0..<count).lazy.compactMap { element($0) }.makeIterator() }
}
