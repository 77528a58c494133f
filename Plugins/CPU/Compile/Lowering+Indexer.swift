import CHadalKernels
import HadalBackend
import HadalCore
import HadalGraph

/// The choice of cached tokens that attention is to see.
extension Lowering {
    mutating func lowerIndexer(_ index: Int, _ node: Graph.Node) throws {
        try lowerAppend(index, node)
        let attributes = try store.device.attributes(of: node), selection = try result(node.outputs[0])
        // What each part of a query's keys keeps: scores, then tokens. There are several parts only where there are few queries.
        let (stride, overflow) = selection.columns.multipliedReportingOverflow(by: 8)
        guard !overflow else { throw HadalError(.limitExceeded, "an indexer chooses the top \(selection.columns)") }
        let rows = Dim.fixed(4 * store.threads)
        let parts = PlannedTensor(
            home: try newSlot(rows: rows, stride: stride), rows: rows, columns: 2 * selection.columns, stride: stride,
            dtype: DType.i32.rawValue)
        plan.append(
            PlannedInstruction(
                kernel: try kernel("indexer_score", of: Op.indexer), inputs: [try operand(node, "q"), try operand(node, "w")],
                outputs: [selection, parts],
                states: node.states, attributes: attributes, node: index))
        plan.append(
            PlannedInstruction(
                kernel: try kernel(Op.indexer), inputs: [parts], outputs: [selection], attributes: attributes, node: index))
    }
}
