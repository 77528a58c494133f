import HadalArchitecture
import HadalCore
import HadalText

extension Engine {
    /// Logits that are held at a time, in bytes.
    private static let evaluationBuffer = 128 << 20

    /// An engine that gives the logits of every token, in chunks small enough that those of a large vocabulary fit memory.
    ///
    /// - Parameter context: tokens of a window; nil: 2048, or what the model was made for if that is less.
    /// - Throws: `invalidArgument` for a context beyond the model's.
    package static func forEvaluation(path: String, options: EngineOptions, context: Int? = nil) throws -> Engine {
        let description = try ModelDescription(path: path, options: options)
        let most = description.graph.contextLength
        if let context, context > most {
            throw HadalError(
                .invalidArgument, "a context of \(context) tokens is more than the \(most) the model was made for", at: SourcePlace(path))
        }
        var options = options
        options.observe = .allLogits
        options.contextLength = context ?? min(most, 2048)
        options.cacheTokens = options.contextLength
        let rows = evaluationBuffer / (4 * max(1, description.graph.vocabularySize))
        options.batchTokens = max(1, min(options.batchTokens, max(rows, 16)))
        options.batchSequences = 1
        return try Engine(path: path, options: options)
    }

    /// The ids of a text to be scored: special tokens written in it are plain text, and there is no BOS.
    package func encodeText(_ text: String) throws -> [Int32] { try requireTokenizer().encode(text, parseSpecial: false) }

    /// The token that every window of a text starts with; nil when the model wants none.
    package var evaluationBOS: Int32? {
        guard let special = tokenizer?.special, special.addBOS else { return nil }
        return special.bosID
    }

    /// How well the model predicts a text.
    ///
    /// Holds the logits of one chunk at a time, whatever the text's length.
    /// - Parameters:
    ///   - tokens: the text, without BOS.
    ///   - progress: called with the share of the text that is done.
    /// - Throws: `invalidArgument` for a text with nothing to predict, an engine not made by `forEvaluation`, or windows beyond its context.
    package func perplexity(
        of tokens: [Int32], windows: EvaluationWindows, progress: ((Double) -> Void)? = nil
    ) throws -> Perplexity {
        var nll = SampleStatistics()
        try eachPrediction(tokens, windows, progress) { position, logits in
            nll.add(-(try LogProbabilities(logits, position: position))(Int(tokens[position])))
        }
        return Perplexity(tokens: tokens.count, windows: windows, nll)
    }

    /// Gives the logits that each scored token is predicted by, in order: its index in the text, and a row that is valid within the call.
    func eachPrediction(
        _ tokens: [Int32], _ windows: EvaluationWindows, _ progress: ((Double) -> Void)?,
        _ body: (Int, UnsafeBufferPointer<Float>) throws -> Void
    ) throws {
        try checkEvaluation(tokens, windows)
        for window in windows.windows(count: tokens.count) where !window.scored.isEmpty {
            let ids = (windows.bos.map { [$0] } ?? []) + tokens[window.tokens]
            try makeSession().append(
                ids,
                eachChunk: { first, count in
                    try eachRow(window, windows, first, count, body)
                })
            progress?(Double(window.tokens.upperBound) / Double(tokens.count))
        }
    }

    /// The rows of a chunk that predict tokens which its window scores.
    func eachRow(
        _ window: EvaluationWindows.Window, _ windows: EvaluationWindows, _ first: Int, _ count: Int,
        _ body: (Int, UnsafeBufferPointer<Float>) throws -> Void
    ) throws {
        for row in 0..<count {
            // A row predicts the token after its own; a BOS moves the text by one.
            let position = window.tokens.lowerBound + first + row + (windows.bos == nil ? 1 : 0)
            guard window.scored.contains(position) else { continue }
            try body(position, UnsafeBufferPointer(start: runner.logits + row * vocabularySize, count: vocabularySize))
        }
    }

    func checkEvaluation(_ tokens: [Int32], _ windows: EvaluationWindows) throws {
        try requireLogits()
        guard options.observe != .none else {
            throw HadalError(.invalidArgument, "the engine was not loaded to give the logits of every token")
        }
        guard windows.context <= contextLength else {
            throw HadalError(.invalidArgument, "windows of \(windows.context) tokens do not fit the engine's context of \(contextLength)")
        }
        let count = tokens.count + (windows.bos == nil ? 0 : 1)
        guard count >= 2 else {
            throw HadalError(.invalidArgument, "the text has \(count) token\(count == 1 ? "" : "s"); at least 2 are needed to predict one")
        }
    }
}
