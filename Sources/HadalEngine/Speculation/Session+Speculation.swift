import HadalCore
import Synchronization

extension Session {
    /// A chosen token and drafts of what follows it as a part of a step, which gives logits of all of them.
    func part(of token: Int32, drafts: UnsafeBufferPointer<Int32>) -> StepPart {
        hasLogits = false
        storage[count] = token
        for i in 0..<drafts.count { storage[count + 1 + i] = drafts[i] }
        let size = drafts.count + 1
        return StepPart(
            session: self, count: size, plannedLength: count + size, wantedRows: size, hasDrafts: true, replayed: replayedTokens)
    }

    /// Tokens that fit behind one more, in the context and this side of a length at which rope factors switch. Where states are kept at block
    /// ends they do not go beyond one, and tokens that are computed again take their room.
    var roomForRows: Int {
        let ends = engine.model.ropeSwitches.filter { $0 >= count } + [contextLength]
        let room = (ends.min() ?? count) - count - 1
        guard engine.fixedStates != nil else { return room }
        let size = engine.pageTokens
        return min(room, size - count % size - 1, SpeculationOptions.mostDraftTokens - replayedTokens)
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
        engine.state.withLock { cutPages(to: needed, &$0) }
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
