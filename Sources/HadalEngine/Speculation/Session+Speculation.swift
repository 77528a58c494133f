import HadalCore
import Synchronization

extension Session {
    /// Runs a chosen token and drafts of what follows it as one step, and keeps the token. `accept` keeps drafts.
    ///
    /// - Parameters:
    ///   - rows: room for logits `[drafts.count + 1, vocabulary]`: row i after the token and i drafts.
    /// - Returns: how many drafts were run: fewer than given when pages run out.
    /// - Throws: what `append` of the one token throws; the session is then as that leaves it.
    func append(_ token: Int32, drafts: UnsafeBufferPointer<Int32>, rows: UnsafeMutablePointer<Float>) throws -> Int {
        hasLogits = false
        storage[count] = token
        for i in 0..<drafts.count { storage[count + 1 + i] = drafts[i] }
        let vocabulary = engine.vocabularySize
        let size = try engine.state.withLock { state in
            var size = drafts.count + 1
            do { try reservePages(upTo: count + size, &state) } catch let error as HadalError where error.code == .contextFull {
                try reservePages(upTo: count + 1, &state)
                size = min(size, pages.count * engine.pageTokens - count)
            }
            let part = StepPart(session: self, count: size, plannedLength: count + size, wantedRows: size)
            try engine.run(CollectionOfOne(part), cancel: cancelFlag.address, trace: state.trace) { _, logits in
                rows.update(from: logits, count: size * vocabulary)
            }
            return size
        }
        accept(logits: rows)
        return size - 1
    }

    /// Keeps the next token of the last step, which is in storage and in the state already.
    ///
    /// - Parameter row: the logits after it.
    func accept(logits row: UnsafePointer<Float>) {
        count += 1
        keepLogits(row)
        hasLogits = true
    }

    /// Gives pages that only drafts needed back.
    func releaseUnusedPages() {
        let needed = (count + engine.pageTokens - 1) / engine.pageTokens
        engine.state.withLock { state in
            while pages.count > needed { state.pool.release(pages.removeLast()) }
        }
    }

    /// Hands the hidden states of a step to the prediction head. Within `Engine.state`, before `count` moves on.
    ///
    /// - Parameters:
    ///   - row: of the step's tokens, the first of this session's.
    ///   - count: of its tokens.
    func recordHidden(row: Int, count tokens: Int) {
        guard let prediction, let hidden = engine.predictionSource, let storage = storage.baseAddress else { return }
        prediction.record(hidden.rows + row * hidden.width, position: count, count: tokens, tokens: storage)
    }

    /// Whoever drafts for this session; nil when the engine does not speculate.
    func makeDrafter() -> (any Drafter)? {
        if let prediction { return PredictionDrafter(prediction) }
        guard let engine = engine.draftEngine else { return nil }
        let draft = draft ?? engine.makeSession()
        self.draft = draft
        return DraftModel(draft)
    }
}
