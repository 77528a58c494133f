import HadalBackend
import HadalCore
import HadalGraph
import Synchronization

extension Engine {
    /// The logits of every token of a sequence, and the hidden states the engine was loaded to observe.
    ///
    /// - Returns: `logits` F32 `[T, vocabulary]`; with `.hidden` also `hidden.embed`, `hidden.N`, `hidden.norm` F32 `[T, d]`; with
    ///   `.everything` the output of every node, named by `node.N.output`. With `predictsNext` also `mtp_logits` F32 `[T - 1, vocabulary]`.
    /// - Throws: `invalidArgument` when the engine was loaded with `observe: .none`.
    public func evaluate(_ tokens: [Int32]) throws -> [NamedTensor] {
        try requireLogits()
        guard options.observe != .none else {
            throw HadalError(.invalidArgument, "the engine was not loaded to give the logits of every token")
        }
        let session = makeSession()
        var columns: [NamedTensor] = []
        var pointers: [UnsafePointer<Float>] = []
        for (name, value) in model.observed {
            guard case .fixed(let width)? = model.graph.values[value].dims.last else { continue }
            columns.append(NamedTensor(name: name, shape: [tokens.count, width], values: []))
            pointers.append(UnsafePointer(try program.pointer(to: value, as: Float.self)))
        }
        let source = options.predictsNext ? predictionSource : nil
        var hidden: [Float] = []
        try tokens.withUnsafeBufferPointer { all in
            try session.append(all) { first, count in
                // A rope switch starts over from the first token.
                if first == 0 {
                    for i in columns.indices { columns[i].values = [] }
                    hidden = []
                }
                if let source { hidden += UnsafeBufferPointer(start: source.rows, count: count * source.width) }
                for i in columns.indices {
                    columns[i].values += UnsafeBufferPointer(start: pointers[i], count: count * columns[i].shape[1])
                }
            }
        }
        if options.predictsNext, let predictionHead {
            columns.append(try state.withLock { _ in try predictionHead.evaluate(tokens, hidden: hidden) })
        }
        return columns
    }
}
