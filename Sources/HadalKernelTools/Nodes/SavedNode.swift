import HadalBackend
package import HadalConformance
package import HadalCore
package import HadalGraph

/// One node of a model with everything that one step of it read: enough to run it again, on any backend, without the model.
package struct SavedNode: Sendable {
    package struct Operand: Sendable {
        package var kind: OpContract.Input.Kind
        package var name: String
        package var dtype: DType
        /// Weights have fixed extents.
        package var dims: [Dim]
        /// Row-major; a value's at the step's extents.
        package var bytes: [UInt8]
        package var scales: Scales?
    }

    /// Block scales of a float8 weight.
    package struct Scales: Sendable {
        package var values: [Float]
        package var rows: Int
        package var columns: Int
        package var block: (rows: Int, columns: Int)
    }

    package struct State: Sendable {
        package var name: String
        package var heads: Int
        package var width: Int
        /// The pages in `pages`' numbering, `[page, head, token, width]`, as they were before the step.
        package var bytes: [UInt8]
    }

    package var op: String
    package var label: String
    package var attributes: [String: Attribute]
    /// In the contract's order; nil: absent.
    package var operands: [Operand?]
    package var states: [State]
    package var stateDType: DType
    package var pageTokens: Int
    package var pages: [UInt32]
    package var tokens: Int
    package var rows: Int
    package var sequences: [ConformanceTrial.StepSequence]
    /// What the node was taken from: the model, and the backend whose results its inputs are.
    package var model: String
    package var backend: String

    /// Bytes of all operands.
    package var bytes: Int {
        operands.reduce(0) { $0 + ($1?.bytes.count ?? 0) + ($1?.scales?.values.count ?? 0) * 4 } + states.reduce(0) { $0 + $1.bytes.count }
    }

    /// The node as a step that can be run: checked against the op's contract.
    ///
    /// - Parameter path: where errors lie.
    /// - Throws: when the contract does not accept the operands.
    package func trial(_ catalogue: OpCatalogue, path: String) throws -> ConformanceTrial {
        do { return try unlocatedTrial(catalogue) } catch let error as HadalError { throw error.located(at: SourcePlace(path)) }
    }

    /// Attributes of a damaged file may ask for results without end.
    private func checkSize(of value: Graph.Value) throws {
        var bytes = value.dtype.blockBytes
        for dim in value.dims {
            let extent: Int
            switch dim {
            case .fixed(let n): extent = n
            case .symbol(.tokens): extent = tokens
            case .symbol(.rows): extent = rows
            case .symbol(.sequences): extent = sequences.count
            }
            let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
            guard !overflow, product <= Self.mostResultBytes else {
                throw HadalError(.limitExceeded, "the result '\(value.name)' would take more than \(Self.mostResultBytes) bytes")
            }
            bytes = product
        }
    }

    private static let mostResultBytes = 1 << 32

    private func unlocatedTrial(_ catalogue: OpCatalogue) throws -> ConformanceTrial {
        let contract = try catalogue.contract(for: op)
        var builder = GraphBuilder(name: label, catalogue: catalogue)
        var inputs: [Graph.Operand] = []
        var values: [[UInt8]] = []
        var weights: [Segment.WeightData] = []
        var storage: [HostBuffer] = []
        func store(_ bytes: UnsafeRawBufferPointer) throws -> UnsafeRawPointer {
            let buffer = try HostBuffer(bytes: bytes.count)
            try buffer.write(offset: 0, from: bytes)
            storage.append(buffer)
            return UnsafeRawPointer(buffer.pointer)
        }
        for operand in operands {
            guard let operand else {
                inputs.append(.none)
                continue
            }
            switch operand.kind {
            case .value:
                inputs.append(.value(builder.input(operand.name, dtype: operand.dtype, dims: operand.dims)))
                values.append(operand.bytes)
            case .weight:
                let dims = operand.dims.map { if case .fixed(let n) = $0 { n } else { 0 } }
                inputs.append(.weight(builder.weight(.init(name: operand.name, dtype: operand.dtype, dims: dims))))
                let address = try operand.bytes.withUnsafeBytes { try store($0) }
                var data = Segment.WeightData(bytes: UnsafeRawBufferPointer(start: address, count: operand.bytes.count))
                if let scales = operand.scales {
                    let address = try scales.values.withUnsafeBytes { try store($0) }
                    data.scales = .init(
                        values: address.assumingMemoryBound(to: Float.self), rows: scales.rows, columns: scales.columns, block: scales.block
                    )
                }
                weights.append(data)
            }
        }
        let states = self.states.map { builder.state(.init(name: $0.name, heads: $0.heads, width: $0.width)) }
        var names: [String] = []
        for output in contract.outputs {
            let count = try output.count.map { try $0.evaluate { attributes[$0]?.expressionValue }.int ?? 1 }
            names += count.map { (0..<max($0, 0)).map { "\(output.name).\($0)" } } ?? [output.name]
        }
        let outputs = try builder.node(
            op, label: label, inputs: inputs, states: states, attributes: attributes.mapValues(\.expressionValue), outputNames: names)
        for output in outputs {
            try checkSize(of: builder.graph.values[output])
            builder.output(output)
        }
        let segment = Segment(
            graph: builder.graph, weights: weights, bounds: .init(tokens: tokens, sequences: max(sequences.count, 1), rows: max(rows, 1)),
            stateDType: stateDType, pageTokens: pageTokens)
        let point = ConformancePoint(
            id: label, op: op, dims: [:], attributes: attributes, dtypes: [:], present: [], step: sequences.map { ($0.past, $0.count) })
        return ConformanceTrial(
            point: point, segment: segment, inputs: values, states: self.states.map(\.bytes), sequences: sequences, pages: pages,
            tokens: tokens,
            rows: rows, keeping: storage)
    }
}
