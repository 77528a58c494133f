public import HadalCore
public import HadalGraph

/// A part of a model, or all of it, as a device is asked to compile it: a graph, the bytes of its weights, and bounds.
public struct Segment: Sendable {
    /// The bytes of one weight. The pointer is borrowed: the host keeps it mapped as `Executable.info.keepsWeights` demands.
    public struct WeightData: @unchecked Sendable {
        /// A part of a weight as a range of an open file.
        public struct Piece: Sendable, Equatable {
            /// Open for reading as long as the executable lives.
            public var descriptor: Int32
            public var offset: UInt64
            public var bytes: Int
            public init(descriptor: Int32, offset: UInt64, bytes: Int) {
                self.descriptor = descriptor
                self.offset = offset
                self.bytes = bytes
            }
        }

        /// Row-major; nil when only type and shape are known, or when the device is to read `pieces` itself.
        public var bytes: UnsafeRawBufferPointer?
        /// A descriptor that the same bytes can be read from, or nil.
        public var file: (descriptor: Int32, offset: UInt64)?
        /// Block scales of float8 weights: element [i, j] times values[i / block.0, j / block.1].
        public var scales: BlockScales?
        /// Where each index of the first axis is stored, all of one size; empty when that is not known. Given to backends that claim
        /// `.weightPieces`, in place of `bytes`.
        public var pieces: [Piece]
        public init(
            bytes: UnsafeRawBufferPointer?, file: (descriptor: Int32, offset: UInt64)? = nil, scales: BlockScales? = nil,
            pieces: [Piece] = []
        ) {
            self.bytes = bytes
            self.file = file
            self.scales = scales
            self.pieces = pieces
        }
    }

    public struct BlockScales: @unchecked Sendable {
        public var values: UnsafePointer<Float>
        public var rows: Int
        public var columns: Int
        public var block: (rows: Int, columns: Int)
        public init(values: UnsafePointer<Float>, rows: Int, columns: Int, block: (rows: Int, columns: Int)) {
            self.values = values
            self.rows = rows
            self.columns = columns
            self.block = block
        }

        /// Extents alone, for segments without data: `values` is never read.
        public init(rows: Int, columns: Int, block: (rows: Int, columns: Int)) {
            self.init(values: Self.unread, rows: rows, columns: columns, block: block)
        }

        private nonisolated(unsafe) static let unread: UnsafePointer<Float> = {
            let one = UnsafeMutablePointer<Float>.allocate(capacity: 1)
            one.initialize(to: 1)
            return UnsafePointer(one)
        }()
    }

    /// Upper bounds of the symbols.
    public struct Bounds: Sendable, Equatable {
        public var tokens: Int
        public var sequences: Int
        public var rows: Int
        public init(tokens: Int, sequences: Int, rows: Int) {
            self.tokens = tokens
            self.sequences = sequences
            self.rows = rows
        }
        public subscript(symbol: Dim.Symbol) -> Int {
            switch symbol {
            case .tokens: tokens
            case .sequences: sequences
            case .rows: rows
            }
        }
    }

    public var graph: Graph
    /// One for each of `graph.weights`.
    public var weights: [WeightData]
    public var bounds: Bounds
    /// Element type of every state with a row for each token, one of `DType.stateTypes`. Those of fixed size are float32.
    public var stateDType: DType
    public var pageTokens: Int

    public init(graph: Graph, weights: [WeightData], bounds: Bounds, stateDType: DType = .f32, pageTokens: Int = 64) {
        self.graph = graph
        self.weights = weights
        self.bounds = bounds
        self.stateDType = stateDType
        self.pageTokens = pageTokens
    }

    /// The graph alone, for asking what a device supports before any byte is read.
    ///
    /// - Parameter scales: the extents of each weight's block scales; empty when none has any.
    public init(
        withoutData graph: Graph, scales: [BlockScales?] = [], bounds: Bounds, stateDType: DType = .f32, pageTokens: Int = 64
    ) {
        let weights = graph.weights.indices.map { WeightData(bytes: nil, scales: scales.indices.contains($0) ? scales[$0] : nil) }
        self.init(graph: graph, weights: weights, bounds: bounds, stateDType: stateDType, pageTokens: pageTokens)
    }

    /// Element type of a state.
    public func dtype(of state: Graph.State) -> DType { state.isFixed ? .f32 : stateDType }

    /// Bytes of one head's row of a state; 0 where the size overflows.
    public func rowBytes(of state: Graph.State) -> Int { dtype(of: state).stateRowBytes(width: state.width) ?? 0 }

    /// Rows of a head in one page, or in one slot of a state of fixed size.
    public func rowsPerPage(of state: Graph.State) -> Int { state.rows ?? pageTokens }

    /// Bytes of one page of a state, or of one slot.
    public func pageBytes(of state: Graph.State) -> Int { rowBytes(of: state) * state.heads * rowsPerPage(of: state) }
}
