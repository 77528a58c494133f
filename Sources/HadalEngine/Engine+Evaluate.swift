import HadalCore
import HadalFormats

extension Engine {
    /// The logits of every token of a sequence, and the hidden states the engine was loaded to observe.
    ///
    /// - Returns: `logits` F32 `[T, vocabulary]`; with `.hidden` also `hidden.embed`, `hidden.N`, `hidden.norm` F32 `[T, d]`; with
    ///   `.everything` the output of every node under its label.
    /// - Throws: `invalidArgument` when the engine was loaded with `observe: .none`.
    public func evaluate(_ tokens: [Int32]) throws -> [SafetensorsWriter.Tensor] {
        guard options.observe != .none else {
            throw HadalError(.invalidArgument, "the engine was not loaded to give the logits of every token")
        }
        let session = makeSession()
        var columns: [(name: String, value: Int, width: Int, bytes: [UInt8])] = []
        for (name, value) in model.observed {
            guard case .fixed(let width)? = model.graph.values[value].dims.last else { continue }
            columns.append((name, value, width, []))
        }
        try tokens.withUnsafeBufferPointer { all in
            try session.append(all) { first, count in
                // A rope switch starts over from the first token.
                if first == 0 { for i in columns.indices { columns[i].bytes.removeAll(keepingCapacity: true) } }
                for i in columns.indices {
                    let pointer = UnsafeRawPointer(try program.pointer(to: columns[i].value, as: Float.self))
                    columns[i].bytes += UnsafeRawBufferPointer(start: pointer, count: count * columns[i].width * 4)
                }
            }
        }
        return columns.map {
            SafetensorsWriter.Tensor(name: $0.name, dtype: .f32, shape: [tokens.count, $0.width], bytes: $0.bytes)
        }
    }
}
