public import HadalCore

/// A computation over values, weights and state, in execution order.
///
/// Indices, not references, tie it together, so that it can cross the plugin boundary as plain arrays. Every attribute
/// that an op's contract names is present on its nodes (defaults filled in). Immutable once validated.
public struct Graph: Sendable {
    /// An activation: produced by a node or bound by the host.
    public struct Value: Sendable, Equatable {
        public var name: String
        public var dtype: DType
        /// Row-major; the last is contiguous.
        public var dims: [Dim]
        public init(name: String, dtype: DType, dims: [Dim]) {
            self.name = name
            self.dtype = dtype
            self.dims = dims
        }
    }

    /// A constant tensor, known by name; its bytes are bound when the graph is compiled.
    public struct Weight: Sendable, Equatable {
        public var name: String
        public var dtype: DType
        /// Row-major, e.g. `[out, in]` for a linear.
        public var dims: [Int]
        public init(name: String, dtype: DType, dims: [Int]) {
            self.name = name
            self.dtype = dtype
            self.dims = dims
        }
        public var elements: Int { dims.reduce(1, *) }
        public var bytes: Int { dtype.byteCount(elements: elements) ?? 0 }
    }

    /// What one layer remembers of a sequence: for each token `heads` rows of `width` numbers, or as many rows whatever the number of tokens.
    ///
    /// Storage of the first kind is paged: page p, head h, token t of the page, then `width` contiguous elements. Of the second it has slots:
    /// slot s, head h, row r, then `width` float32 numbers.
    public struct State: Sendable, Equatable {
        public var name: String
        public var heads: Int
        public var width: Int
        /// Rows of each head of a state of fixed size; nil: one for each token.
        public var rows: Int?
        public init(name: String, heads: Int, width: Int, rows: Int? = nil) {
            self.name = name
            self.heads = heads
            self.width = width
            self.rows = rows
        }

        /// Whether the state does not grow with the tokens.
        public var isFixed: Bool { rows != nil }
        /// "2 x 64 elements a token", "1 x 3 x 64 elements".
        package var shapeText: String {
            rows.map { "\(heads) x \($0) x \(width) elements" } ?? "\(heads) x \(width) elements a token"
        }
        /// Numbers of a state of fixed size; 0 for others.
        public var fixedElements: Int { heads * width * (rows ?? 0) }
    }

    public enum Operand: Sendable, Hashable {
        /// An optional input that is absent.
        case none
        case value(Int)
        case weight(Int)
    }

    public struct Node: Sendable {
        /// Where the node stands in the model: "layers.3.attention.q".
        public var label: String
        public var op: String
        /// In the contract's order, one per declared input; variadic inputs follow.
        public var inputs: [Operand]
        public var outputs: [Int]
        /// Indices into `Graph.states`, in the contract's order.
        public var states: [Int]
        public var attributes: [String: Attribute]
        public init(
            label: String, op: String, inputs: [Operand], outputs: [Int], states: [Int] = [], attributes: [String: Attribute] = [:]
        ) {
            self.label = label
            self.op = op
            self.inputs = inputs
            self.outputs = outputs
            self.states = states
            self.attributes = attributes
        }
    }

    public var name: String
    public var values: [Value] = []
    public var weights: [Weight] = []
    public var states: [State] = []
    public var nodes: [Node] = []
    /// Values that the host binds before a step.
    public var inputs: [Int] = []
    /// Values that the host reads after a step.
    public var outputs: [Int] = []

    public init(name: String) { self.name = name }

    /// Bytes of the states of fixed size, for each sequence.
    package var fixedStateBytes: Int { states.reduce(0) { $0 + $1.fixedElements * MemoryLayout<Float>.size } }
}
