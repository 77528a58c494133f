import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph

/// One step as the ops see it: how many tokens, and which sequence each belongs to.
struct StepLayout: @unchecked Sendable {
    struct Sequence: @unchecked Sendable {
        /// Index of its first new token in the step.
        var first: Int
        /// New tokens.
        var count: Int
        /// Tokens already in the caches.
        var past: Int
        var plannedLength: Int
        /// Its cache pages in order.
        var pages: UnsafeBufferPointer<UInt32>
        /// Its slots of states of fixed size: where its last step left them, and where this one does.
        var slotBefore: Int
        var slotAfter: Int
        var length: Int { past + count }
    }

    let tokens: Int
    let sequences: [Sequence]
    /// Index into `sequences` for each token of the step; -1 where none claims it.
    let sequenceOfToken: [Int]

    init(_ step: CheckedStep) {
        tokens = step.tokens
        var owner = [Int](repeating: -1, count: step.tokens)
        sequences = (0..<step.sequenceCount).map { index in
            let entry = step.sequence(index)
            let (first, count, firstPage) = (Int(entry.first_token), Int(entry.token_count), Int(entry.first_page))
            for token in first..<first + count { owner[token] = index }
            return Sequence(
                first: first, count: count, past: Int(entry.past), plannedLength: Int(entry.planned_length),
                pages: UnsafeBufferPointer(rebasing: step.pages[firstPage..<firstPage + Int(entry.page_count)]),
                slotBefore: Int(entry.slot_before), slotAfter: Int(entry.slot_after))
        }
        sequenceOfToken = owner
    }

    /// The sequence of a token.
    func sequence(ofToken token: Int) throws -> Sequence {
        guard token < sequenceOfToken.count, sequenceOfToken[token] >= 0 else {
            throw HadalError(.invalidArgument, "token \(token) belongs to no sequence of the step")
        }
        return sequences[sequenceOfToken[token]]
    }
}
