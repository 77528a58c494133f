import HadalCore
import HadalFormats

extension Engine {
    /// What a model is compared with.
    package enum DivergenceReference: Sendable {
        /// Another model, or the same one on another backend.
        case engine(Engine)
        /// Logits worked out before, of the whole text in one window.
        case logits(LogitsFile)
    }

    /// How far the model's predictions of a text lie from a reference's: KL(reference ‖ model) for each scored token.
    ///
    /// Both models run side by side, a chunk at a time, so that no more than two chunks of logits are held.
    /// - Throws: `mismatch` for different vocabularies, or logits of another text; as `perplexity`.
    package func divergence(
        from reference: DivergenceReference, of tokens: [Int32], windows: EvaluationWindows, progress: ((Double) -> Void)? = nil
    ) throws -> Divergence {
        var comparison = Comparison(tokens: tokens)
        switch reference {
        case .engine(let other):
            guard other !== self else { throw HadalError(.invalidArgument, "a model is to be compared with itself") }
            try requireVocabulary(of: other.vocabularySize, SourcePlace(other.model.description.files.path))
            try checkEvaluation(tokens, windows)
            try other.checkEvaluation(tokens, windows)
            for window in windows.windows(count: tokens.count) where !window.scored.isEmpty {
                let ids = (windows.bos.map { [$0] } ?? []) + tokens[window.tokens]
                let second = other.makeSession()
                try makeSession().append(
                    ids,
                    eachChunk: { first, count in
                        // The reference follows with the same tokens, in chunks of its own.
                        try second.append(Array(ids[first..<first + count]), plannedLength: ids.count) { start, length in
                            try other.eachRow(window, windows, start, length) { position, theirs in
                                let row = position - window.tokens.lowerBound - (windows.bos == nil ? 1 : 0) - first
                                let mine = UnsafeBufferPointer(
                                    start: self.runner.logits + row * self.vocabularySize, count: self.vocabularySize)
                                try comparison.add(position, mine: mine, reference: theirs)
                            }
                        }
                    })
                progress?(Double(window.tokens.upperBound) / Double(tokens.count))
            }
        case .logits(let file):
            try requireVocabulary(of: file.vocabularySize, SourcePlace(file.path))
            let length = tokens.count + (windows.bos == nil ? 0 : 1)
            guard length <= windows.context else {
                throw HadalError(
                    .invalidArgument,
                    "a file of logits holds one window; the \(length) tokens of the text do not fit a context of \(windows.context)",
                    hint: [.raise(.contextLength), "or compare with a model"])
            }
            guard file.rows == length else {
                throw HadalError(
                    .mismatch, "the file has logits of \(file.rows) tokens, the text has \(length)", at: SourcePlace(file.path))
            }
            let row = UnsafeMutableBufferPointer<Float>.allocate(capacity: vocabularySize)
            defer { row.deallocate() }
            row.initialize(repeating: 0)
            try eachPrediction(tokens, windows, progress) { position, mine in
                try file.read(position - (windows.bos == nil ? 1 : 0), into: row)
                try comparison.add(position, mine: mine, reference: UnsafeBufferPointer(row))
            }
        }
        return comparison.result(windows)
    }

    private func requireVocabulary(of count: Int, _ place: SourcePlace) throws {
        guard count == vocabularySize else {
            throw HadalError(.mismatch, "the vocabularies differ: \(vocabularySize) tokens here, \(count) in the reference", at: place)
        }
    }

    /// What is gathered token by token.
    private struct Comparison {
        let tokens: [Int32]
        var divergence = SampleStatistics()
        var nll = SampleStatistics()
        var referenceNLL = SampleStatistics()
        var agreeing = 0

        init(tokens: [Int32]) { self.tokens = tokens }

        mutating func add(_ position: Int, mine: UnsafeBufferPointer<Float>, reference: UnsafeBufferPointer<Float>) throws {
            let (model, truth) = (try LogProbabilities(mine, position: position), try LogProbabilities(reference, position: position))
            divergence.add(truth.divergence(to: model))
            nll.add(-model(Int(tokens[position])))
            referenceNLL.add(-truth(Int(tokens[position])))
            if model.best == truth.best { agreeing += 1 }
        }

        func result(_ windows: EvaluationWindows) -> Divergence {
            Divergence(
                tokens: tokens.count, windows: windows, divergence: divergence, agreeing: agreeing, nll: nll, referenceNLL: referenceNLL)
        }
    }
}
