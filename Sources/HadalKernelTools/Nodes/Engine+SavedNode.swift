import HadalBackend
import HadalConformance
import HadalCore
package import HadalEngine
import HadalGraph

extension Engine {
    /// Runs a prompt up to the step that computes one of its tokens, and takes from that step what one node reads.
    ///
    /// - Parameters:
    ///   - node: index of the node in the model's graph.
    ///   - position: a token of the prompt; steps hold `batchTokens` tokens.
    ///   - limit: bytes of operands that are taken at most.
    /// - Throws: `invalidArgument` when the engine was not loaded with `observe: .everything`; `limitExceeded`.
    package func saveNode(_ index: Int, tokens: [Int32], position: Int, limit: Int) throws -> SavedNode {
        let graph = model.graph
        guard options.observe == .everything else { throw HadalError(.invalidArgument, "the engine was not loaded to observe everything") }
        guard graph.nodes.indices.contains(index), tokens.indices.contains(position) else {
            throw HadalError(.invalidArgument, "there is no node \(index), or no token \(position)")
        }
        let node = graph.nodes[index]
        guard !node.states.contains(where: { graph.states[$0].isFixed }) else {
            throw HadalError(.unsupported, "'\(node.label)' has a state of fixed size, which saved nodes cannot hold")
        }
        let first = position / batchTokens * batchTokens
        let count = min(batchTokens, tokens.count - first)
        try checkSize(of: node, tokens: count, past: first, limit: limit)
        let bound = try self.weights.bind(graph)
        var states: [SavedNode.State] = try node.states.map { try state($0, pages: []) }
        var saved: SavedNode?
        let session = makeSession()
        try session.append(
            tokens,
            eachChunk: { start, size in
                if start == 0 { saved = nil }
                if start + size == first {
                    states = try node.states.map { try state($0, pages: session.pageNumbers) }
                }
                guard start == first, saved == nil else { return }
                saved = try take(
                    node, states, tokens: size, past: first, planned: tokens.count, pageCount: session.pageNumbers.count, bound)
            })
        guard let saved else { throw HadalError(.invalidArgument, "the prompt has no step that begins at token \(first)") }
        return saved
    }

    /// A state's pages, renumbered from 0.
    private func state(_ index: Int, pages: [Int]) throws -> SavedNode.State {
        let declared = model.graph.states[index]
        let size = program.pageBytes(state: index)
        var bytes = [UInt8](repeating: 0, count: size * pages.count)
        try bytes.withUnsafeMutableBytes { raw in
            for (k, page) in pages.enumerated() {
                try program.readPage(page, state: index, into: UnsafeMutableRawBufferPointer(rebasing: raw[k * size..<(k + 1) * size]))
            }
        }
        return SavedNode.State(name: declared.name, heads: declared.heads, width: declared.width, bytes: bytes)
    }

    private func extent(_ dim: Dim, tokens: Int) -> Int {
        switch dim {
        case .fixed(let n): n
        case .symbol(.sequences): 1
        // Logits of every token are wanted, so that rows are tokens.
        case .symbol: tokens
        }
    }

    private func checkSize(of node: Graph.Node, tokens: Int, past: Int, limit: Int) throws {
        var bytes = 0.0
        for operand in node.inputs {
            switch operand {
            case .none: break
            case .value(let v):
                bytes += model.graph.values[v].dims.reduce(Double(model.graph.values[v].dtype.blockBytes)) {
                    $0 * Double(extent($1, tokens: tokens))
                }
            case .weight(let w): bytes += Double(model.graph.weights[w].bytes)
            }
        }
        for state in node.states {
            bytes += Double(program.pageBytes(state: state)) * Double((past + tokens + pageTokens - 1) / pageTokens)
        }
        guard bytes <= Double(limit) else {
            throw HadalError(
                .limitExceeded, "the operands of \(node.label) (\(node.op)) take \(Int(bytes)) bytes, more than the limit of \(limit)",
                hint: [.raise(.saveLimit)])
        }
    }

    private func take(
        _ node: Graph.Node, _ states: [SavedNode.State], tokens: Int, past: Int, planned: Int, pageCount: Int, _ weights: ModelWeights.Bound
    ) throws -> SavedNode {
        let graph = model.graph
        let operands = try node.inputs.map { operand -> SavedNode.Operand? in
            switch operand {
            case .none: return nil
            case .value(let index):
                let value = graph.values[index]
                let count = value.dims.reduce(value.dtype.blockBytes) { $0 * extent($1, tokens: tokens) }
                let memory = UnsafeRawPointer(try program.pointer(to: index, as: UInt8.self))
                return .init(
                    kind: .value, name: value.name, dtype: value.dtype, dims: value.dims,
                    bytes: Array(UnsafeRawBufferPointer(start: memory, count: count)), scales: nil)
            case .weight(let index):
                let weight = graph.weights[index]
                guard let bytes = weights.data[index].bytes else {
                    throw HadalError(.unsupported, "the weight '\(weight.name)' is not in memory")
                }
                let scales = weights.data[index].scales.map {
                    SavedNode.Scales(
                        values: Array(UnsafeBufferPointer(start: $0.values, count: $0.rows * $0.columns)), rows: $0.rows,
                        columns: $0.columns,
                        block: $0.block)
                }
                return .init(
                    kind: .weight, name: weight.name, dtype: weight.dtype, dims: weight.dims.map { .fixed($0) }, bytes: Array(bytes),
                    scales: scales)
            }
        }
        // The step writes to pages that were not there before: they are given, empty.
        let states = states.enumerated().map { k, state in
            var state = state
            let wanted = program.pageBytes(state: node.states[k]) * pageCount
            if state.bytes.count < wanted { state.bytes += [UInt8](repeating: 0, count: wanted - state.bytes.count) }
            return state
        }
        let pages = node.states.isEmpty ? 0 : pageCount
        let sequence = ConformanceTrial.StepSequence(
            first: 0, count: tokens, past: past, plannedLength: planned, firstPage: 0, pageCount: pages)
        return SavedNode(
            op: node.op, label: node.label, attributes: node.attributes, operands: operands, states: states, stateDType: cacheDType,
            pageTokens: pageTokens, pages: (0..<UInt32(clamping: pages)).map { $0 }, tokens: tokens, rows: tokens, sequences: [sequence],
            model: fingerprint, backend: options.backend)
    }
}
