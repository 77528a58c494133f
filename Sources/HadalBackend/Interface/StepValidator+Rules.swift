import HadalCore
import HadalGraph

extension StepValidator {
    /// What the memory of an input or output must hold.
    struct Extent {
        let name: String
        /// With every symbol 1.
        private let unit: Int
        /// How often each symbol is a factor.
        private var tokens = 0
        private var sequences = 0
        private var rows = 0

        /// - Throws: `invalidArgument` for a value that is not there, or whose bytes overflow at the bounds.
        init(_ index: Int, of graph: Graph, _ bounds: Segment.Bounds) throws {
            guard graph.values.indices.contains(index) else { throw HadalError(.invalidArgument, "the graph has no value \(index)") }
            let value = graph.values[index]
            name = value.name
            unit = value.bytes(tokens: 1, sequences: 1, rows: 1)
            var (largest, overflow) = (unit, false)
            for case .symbol(let symbol) in value.dims {
                switch symbol {
                case .tokens: tokens += 1
                case .sequences: sequences += 1
                case .rows: rows += 1
                }
                if !overflow { (largest, overflow) = largest.multipliedReportingOverflow(by: max(bounds[symbol], 1)) }
            }
            guard !overflow else { throw HadalError(.invalidArgument, "value '\(value.name)' is too large at the bounds of the segment") }
        }

        /// - Parameters: a step's extents, within the bounds.
        func bytes(_ tokens: Int, _ sequences: Int, _ rows: Int) -> Int {
            var bytes = unit
            for _ in 0..<self.tokens { bytes *= tokens }
            for _ in 0..<self.sequences { bytes *= sequences }
            for _ in 0..<self.rows { bytes *= rows }
            return bytes
        }
    }

    struct PageSize {
        let name: String
        /// Of a page, or of a slot of a state of fixed size.
        let bytes: Int
        let isFixed: Bool

        init(_ state: Graph.State, _ segment: Segment) throws {
            (name, isFixed) = (state.name, state.isFixed)
            bytes = segment.pageBytes(of: state)
            guard bytes > 0 else { throw HadalError(.invalidArgument, "state '\(state.name)' has pages of no bytes") }
        }
    }

    /// An input of token ids that index a table. What other ops index comes from within the graph, or a kernel looks itself.
    struct Index {
        /// Of the graph's inputs.
        let input: Int
        /// Rows of the table.
        let vocabulary: Int

        static func all(in graph: Graph) -> [Index] {
            graph.nodes.compactMap { node in
                guard node.op == Op.embedding, node.inputs.count > 1, case .value(let ids) = node.inputs[0],
                    case .weight(let table) = node.inputs[1], graph.weights.indices.contains(table),
                    let input = graph.inputs.firstIndex(of: ids), let rows = graph.weights[table].dims.first
                else { return nil }
                return Index(input: input, vocabulary: rows)
            }
        }
    }
}
