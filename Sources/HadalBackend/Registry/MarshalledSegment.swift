package import CHadalPlugin
import HadalCore
package import HadalGraph

/// A `Segment` as the C structs of the plugin ABI. The pointers live as long as the object; weight data is the segment's own.
package final class MarshalledSegment {
    package let pointer: UnsafePointer<hadal_segment>
    private let arena: ForeignArena

    /// - Parameters:
    ///   - extents: what T, S and R become where the plugin cannot take symbols; nil sends symbols.
    ///   - pieces: whether the plugin takes weights in pieces.
    ///   - sequences: bound on S to send in place of the segment's, for plugins of one sequence.
    /// - Throws: `.unsupported` for ranks above the ABI's, `.invalidArgument` for indices that do not exist.
    package init(_ segment: Segment, extents: Segment.Bounds? = nil, oneSequence: Bool = false, pieces: Bool = true) throws {
        let graph = segment.graph
        let arena = ForeignArena()
        guard segment.weights.count == graph.weights.count else {
            throw HadalError(
                .invalidArgument, "segment '\(graph.name)' has \(graph.weights.count) weights and data for \(segment.weights.count)")
        }
        var bounds = extents ?? segment.bounds
        if oneSequence { bounds.sequences = min(bounds.sequences, 1) }

        let values = try graph.values.map { try Self.value($0, bounds: bounds, symbolic: extents == nil, arena) }
        let weights = try zip(graph.weights, segment.weights).map { try Self.weight($0, $1, pieces: pieces, arena) }
        let states = try graph.states.map { try Self.state($0, of: segment, arena) }
        let nodes = try graph.nodes.map { try Self.node($0, of: graph, arena) }

        var result = hadal_segment()
        result.size = UInt32(MemoryLayout<hadal_segment>.size)
        result.value_count = try Self.count(values.count)
        result.weight_count = try Self.count(weights.count)
        result.state_count = try Self.count(states.count)
        result.node_count = try Self.count(nodes.count)
        result.input_count = try Self.count(graph.inputs.count)
        result.output_count = try Self.count(graph.outputs.count)
        result.value_stride = UInt32(MemoryLayout<hadal_value>.stride)
        result.weight_stride = UInt32(MemoryLayout<hadal_weight>.stride)
        result.state_stride = UInt32(MemoryLayout<hadal_state>.stride)
        result.node_stride = UInt32(MemoryLayout<hadal_node>.stride)
        result.attribute_stride = UInt32(MemoryLayout<hadal_attribute>.stride)
        result.tokens_bound = try Self.count(bounds.tokens)
        result.sequences_bound = try Self.count(bounds.sequences)
        result.rows_bound = try Self.count(bounds.rows)
        result.name = arena.string(graph.name)
        result.values = UnsafePointer(arena.array(values))
        result.weights = UnsafePointer(arena.array(weights))
        result.states = UnsafePointer(arena.array(states))
        result.nodes = UnsafePointer(arena.array(nodes))
        result.inputs = UnsafePointer(arena.array(try Self.indices(graph.inputs, below: graph.values.count, "value")))
        result.outputs = UnsafePointer(arena.array(try Self.indices(graph.outputs, below: graph.values.count, "value")))
        self.arena = arena
        pointer = UnsafePointer(arena.value(result))
    }

    private static func count(_ n: Int) throws -> UInt32 {
        guard let count = UInt32(exactly: n) else { throw HadalError(.invalidArgument, "\(n) does not fit the plugin ABI's 32-bit count") }
        return count
    }

    private static func indices(_ list: [Int], below limit: Int, _ what: String) throws -> [UInt32] {
        try list.map {
            guard $0 >= 0, $0 < limit else { throw HadalError(.invalidArgument, "there is no \(what) \($0): the segment has \(limit)") }
            return UInt32($0)
        }
    }

    private static func rank(_ n: Int, _ name: String) throws -> UInt32 {
        guard n <= Int(HADAL_MAX_DIMS) else {
            throw HadalError(.unsupported, "'\(name)' has \(n) dimensions, the plugin ABI carries \(HADAL_MAX_DIMS)")
        }
        return UInt32(n)
    }

    private static func value(
        _ value: Graph.Value, bounds: Segment.Bounds, symbolic: Bool, _ arena: ForeignArena
    ) throws -> hadal_value {
        var result = hadal_value()
        result.size = UInt32(MemoryLayout<hadal_value>.size)
        result.dtype = value.dtype.rawValue
        result.name = arena.string(value.name)
        result.rank = try rank(value.dims.count, value.name)
        let dims = value.dims.map { dim in
            switch dim {
            case .fixed(let n): hadal_dim(extent: Int64(n), symbol: UInt32(HADAL_SYMBOL_NONE), reserved: 0)
            case .symbol(let s): hadal_dim(extent: Int64(bounds[s]), symbol: symbolic ? s.rawValue : UInt32(HADAL_SYMBOL_NONE), reserved: 0)
            }
        }
        withUnsafeMutableBytes(of: &result.dims) { to in dims.withUnsafeBytes { to.copyMemory(from: $0) } }
        return result
    }

    /// A weight's type and shape alone, for questions about it.
    package static func bare(_ weight: Graph.Weight) throws -> (weight: hadal_weight, arena: ForeignArena) {
        let arena = ForeignArena()
        return (try self.weight(weight, Segment.WeightData(bytes: nil), pieces: false, arena), arena)
    }

    private static func weight(
        _ weight: Graph.Weight, _ data: Segment.WeightData, pieces: Bool, _ arena: ForeignArena
    ) throws -> hadal_weight {
        var result = hadal_weight()
        result.size = UInt32(MemoryLayout<hadal_weight>.size)
        result.dtype = weight.dtype.rawValue
        result.name = arena.string(weight.name)
        result.rank = try rank(weight.dims.count, weight.name)
        let dims = weight.dims.map { Int64($0) }
        withUnsafeMutableBytes(of: &result.dims) { to in dims.withUnsafeBytes { to.copyMemory(from: $0) } }
        let expected = try weight.checkedBytes()
        if let bytes = data.bytes, bytes.count != expected {
            throw HadalError(.mismatch, "weight '\(weight.name)' takes \(expected) bytes, not \(bytes.count)")
        }
        result.data = data.bytes?.baseAddress
        result.bytes = UInt64(expected)
        result.file = data.file?.descriptor ?? -1
        result.file_offset = data.file?.offset ?? 0
        if let scales = data.scales {
            result.scale = scales.values
            result.scale_block = (try count(scales.block.rows), try count(scales.block.columns))
            result.scale_dims = (Int64(scales.rows), Int64(scales.columns))
        }
        if pieces, !data.pieces.isEmpty {
            guard data.pieces.count == weight.dims.first, data.pieces.allSatisfy({ $0.bytes == expected / data.pieces.count }) else {
                throw HadalError(
                    .mismatch, "weight '\(weight.name)' of shape \(weight.dims) is not made of \(data.pieces.count) such pieces")
            }
            result.pieces = UnsafePointer(
                arena.array(
                    data.pieces.map {
                        hadal_piece(file: $0.descriptor, reserved: 0, offset: $0.offset, bytes: UInt64($0.bytes))
                    }))
        }
        return result
    }

    private static func state(_ state: Graph.State, of segment: Segment, _ arena: ForeignArena) throws -> hadal_state {
        var result = hadal_state()
        result.size = UInt32(MemoryLayout<hadal_state>.size)
        result.dtype = segment.dtype(of: state).rawValue
        result.name = arena.string(state.name)
        result.heads = try count(state.heads)
        result.width = try count(state.width)
        result.page_tokens = try count(segment.pageTokens)
        result.rows = try count(state.rows ?? 0)
        return result
    }

    private static func node(_ node: Graph.Node, of graph: Graph, _ arena: ForeignArena) throws -> hadal_node {
        let operands = try node.inputs.map { operand -> hadal_operand in
            switch operand {
            case .none: return hadal_operand(kind: UInt32(HADAL_OPERAND_NONE), index: 0)
            case .value(let i):
                return hadal_operand(kind: UInt32(HADAL_OPERAND_VALUE), index: try indices([i], below: graph.values.count, "value")[0])
            case .weight(let i):
                return hadal_operand(kind: UInt32(HADAL_OPERAND_WEIGHT), index: try indices([i], below: graph.weights.count, "weight")[0])
            }
        }
        let attributes = try node.attributes.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            .map { try attribute($0.key, $0.value, arena) }
        var result = hadal_node()
        result.size = UInt32(MemoryLayout<hadal_node>.size)
        result.op = arena.string(node.op)
        result.label = arena.string(node.label)
        result.inputs = UnsafePointer(arena.array(operands))
        result.input_count = try count(operands.count)
        result.outputs = UnsafePointer(arena.array(try indices(node.outputs, below: graph.values.count, "value")))
        result.output_count = try count(node.outputs.count)
        result.states = UnsafePointer(arena.array(try indices(node.states, below: graph.states.count, "state")))
        result.state_count = try count(node.states.count)
        result.attributes = UnsafePointer(arena.array(attributes))
        result.attribute_count = try count(attributes.count)
        return result
    }

    private static func attribute(_ name: String, _ attribute: Attribute, _ arena: ForeignArena) throws -> hadal_attribute {
        var result = hadal_attribute()
        result.size = UInt32(MemoryLayout<hadal_attribute>.size)
        result.name = arena.string(name)
        switch attribute {
        case .bool(let b):
            result.kind = UInt32(HADAL_ATTRIBUTE_BOOL)
            result.int_value = b ? 1 : 0
        case .int(let i):
            result.kind = UInt32(HADAL_ATTRIBUTE_INT)
            result.int_value = Int64(i)
        case .float(let d):
            result.kind = UInt32(HADAL_ATTRIBUTE_FLOAT)
            result.float_value = d
        case .string(let s):
            result.kind = UInt32(HADAL_ATTRIBUTE_STRING)
            result.string_value = arena.string(s)
        case .ints(let a):
            result.kind = UInt32(HADAL_ATTRIBUTE_INTS)
            result.ints = UnsafePointer(arena.array(a.map { Int64($0) }))
            result.count = try count(a.count)
        case .floats(let a):
            result.kind = UInt32(HADAL_ATTRIBUTE_FLOATS)
            result.floats = UnsafePointer(arena.array(a))
            result.count = try count(a.count)
        }
        return result
    }
}

extension Graph.Weight {
    /// Bytes of the weight's data, every product checked.
    package func checkedBytes() throws -> Int {
        var elements = 1
        for dim in dims {
            let (product, overflow) = elements.multipliedReportingOverflow(by: dim)
            guard dim >= 0, !overflow else { throw HadalError(.malformed, "weight '\(name)' has impossible dimensions \(dims)") }
            elements = product
        }
        guard let bytes = dtype.byteCount(elements: elements), (dims.last ?? 0) % dtype.blockElements == 0 else {
            throw HadalError(
                .mismatch, "weight '\(name)' of type \(dtype.name) has rows of \(dims.last ?? 0), not a multiple of \(dtype.blockElements)")
        }
        return bytes
    }
}
