import HadalArchitecture
import HadalBackend
package import HadalCore
import HadalGraph
package import HadalText
import Synchronization

/// Sequences whose last row is wanted alone: texts that become embeddings or scores. They leave nothing behind.
extension Engine {
    /// Tokens of a step of several sequences: enough for large products, few enough for the rows of a layer to stay in caches.
    private static let encoderStep = 1024

    /// Which of some sequences share a step, the longest first.
    ///
    /// - Parameter lengths: in tokens; none is 0.
    /// - Returns: indices of sequences, those of a step each. A sequence that does not fit a step is one of its own.
    func encoderSteps(_ lengths: [Int]) -> [[Int]] {
        var steps: [[Int]] = []
        var tokens = 0, pages = 0
        for index in lengths.indices.sorted(by: { (lengths[$0], $1) > (lengths[$1], $0) }) {
            let length = lengths[index], needed = (length + pageTokens - 1) / pageTokens
            let fits =
                !steps.isEmpty && tokens + length <= min(batchTokens, Self.encoderStep) && steps[steps.count - 1].count < batchSequences
                && pages + needed <= program.pageCount
            if !fits {
                steps.append([])
                (tokens, pages) = (0, 0)
            }
            steps[steps.count - 1].append(index)
            tokens += length
            pages += needed
        }
        return steps
    }

    /// The result rows `[width]` after the last token of each of some sequences.
    ///
    /// Blocks the calling thread. Whatever else the engine computes takes turns with the steps of a call.
    /// - Parameter cancel: looked at while a step runs; nil: nothing ends it.
    package func encode(_ inputs: [EncoderInput], cancel: CancelFlag? = nil) throws -> [[Float]] {
        for input in inputs { try check(input) }
        var results: [[Float]] = Array(repeating: [], count: inputs.count)
        for step in encoderSteps(inputs.map(\.tokens.count)) {
            for (index, row) in zip(step, try encodeStep(step.map { inputs[$0] }, cancel: cancel)) { results[index] = row }
        }
        return results
    }

    /// The same for the sequences of one of `encoderSteps`.
    func encodeStep(_ inputs: [EncoderInput], cancel: CancelFlag? = nil) throws -> [[Float]] {
        var rows: [[Float]] = []
        try run(inputs, cancel: cancel) { row in rows.append(Array(UnsafeBufferPointer(start: row, count: resultWidth))) }
        return rows
    }

    /// The result of a sequence, and the values that the engine was loaded to observe.
    ///
    /// - Returns: the result under its name, F32 `[width]`, and the observed values F32 `[tokens, width]`.
    package func encodeObserving(_ input: EncoderInput) throws -> [NamedTensor] {
        try check(input)
        guard input.tokens.count <= batchTokens, fixedStates == nil else { throw splitSequence(input.tokens.count, after: 0) }
        var tensors: [NamedTensor] = []
        try run([input], cancel: nil) { row in
            tensors.append(
                NamedTensor(
                    name: model.result.rawValue, shape: [resultWidth], values: Array(UnsafeBufferPointer(start: row, count: resultWidth))))
            for (name, value) in model.observed {
                let dims = model.graph.values[value].dims
                guard case .fixed(let width)? = dims.last else { continue }
                // A value of the requested rows has one.
                let count = dims.first == .tokens ? input.tokens.count : 1
                let values = UnsafeBufferPointer(start: try program.pointer(to: value, as: Float.self), count: count * width)
                tensors.append(NamedTensor(name: name, shape: [count, width], values: Array(values)))
            }
        }
        return tensors
    }

    private func check(_ input: EncoderInput) throws {
        guard !input.tokens.isEmpty else { throw HadalError(.invalidArgument, "a text without tokens") }
        guard input.tokens.count <= contextLength else { throw splitSequence(input.tokens.count, after: 0) }
        for token in input.tokens { try checkVocabulary(token) }
        guard input.tokenTypes.isEmpty || input.tokenTypes.count == input.tokens.count else {
            throw HadalError(.invalidArgument, "\(input.tokenTypes.count) token types for \(input.tokens.count) tokens")
        }
        let types = model.tokenTypeCount
        if let wrong = input.tokenTypes.first(where: { $0 < 0 || Int($0) >= max(types, 1) }) {
            throw HadalError(
                .invalidArgument,
                types == 0 ? "the model has no token types, so none is \(wrong)" : "token type \(wrong) is outside the model's \(types)")
        }
    }

    /// Runs sequences to their ends and hands out their result rows, in order. Each is valid within the call.
    private func run(_ inputs: [EncoderInput], cancel: CancelFlag?, take: (UnsafePointer<Float>) throws -> Void) throws {
        let tokens = inputs.reduce(0) { $0 + $1.tokens.count }
        guard tokens <= batchTokens, inputs.count <= batchSequences, fixedStates == nil else {
            for input in inputs {
                let session = makeSession(isKeptOnDisk: false)
                try input.tokens.withUnsafeBufferPointer { try session.append($0, eachChunk: nil, cancel: cancel?.address) }
                if let row = session.logits.baseAddress { try take(row) }
            }
            return
        }
        try state.withLock { state in
            var taken: [[UInt32]] = []
            defer { for page in taken.joined() { state.pool.release(page) } }
            for input in inputs {
                taken.append([])
                for _ in 0..<(input.tokens.count + pageTokens - 1) / pageTokens { taken[taken.count - 1].append(try takePage(&state)) }
            }
            runner.begin()
            for (input, pages) in zip(inputs, taken) {
                try input.tokens.withUnsafeBufferPointer { tokens in
                    try pages.withUnsafeBufferPointer {
                        try runner.add(
                            tokens, past: 0, pageList: $0, plannedLength: tokens.count, wantedRows: 1, types: input.tokenTypes)
                    }
                }
            }
            try runner.run(cancel: cancel?.address, trace: state.trace)
            for index in inputs.indices { try take(runner.logits + runner.firstRow(of: index) * resultWidth) }
        }
    }

    /// The error for a sequence that does not fit one step, or that would be continued in another.
    func splitSequence(_ count: Int, after past: Int) -> HadalError {
        guard past == 0 else {
            return HadalError(.unsupported, "this model reads a text at once: nothing can be appended to it")
        }
        return HadalError(
            .contextFull, "a text of \(count) tokens is longer than the \(min(contextLength, batchTokens)) that the model takes",
            hint: [plan.longerContext])
    }

    /// - Throws: `unsupported` for a model that gives no logits.
    func requireLogits() throws {
        guard model.result == .logits else {
            throw HadalError(
                .unsupported,
                model.result == .embedding
                    ? "this model gives embeddings of texts; it generates none" : "this model scores pairs of texts; it generates none",
                hint: [.action(model.result == .embedding ? .embed : .rerank)])
        }
    }
}
