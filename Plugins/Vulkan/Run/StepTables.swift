import CHadalPlugin
import HadalBackend
import HadalCore

/// What a step tells kernels: extents, and the tables of tokens, sequences, pages and slots, as `hadal.glsl` and the declarations of states read
/// them.
struct StepTables {
    private static let headWords = 8
    private static let sequenceWords = 6
    private static let slotWords = 2

    /// Words that the largest step needs.
    static func words(bounds: Segment.Bounds, pages: Int) -> Int {
        headWords + 2 * bounds.tokens + (sequenceWords + slotWords) * bounds.sequences + pages
    }

    /// Allocates nothing.
    ///
    /// - Parameter words: as many as `words(bounds:pages:)` says for the bounds and at least the step's pages.
    static func write(_ step: CheckedStep, to words: UnsafeMutablePointer<UInt32>, bounds: Segment.Bounds) {
        let tokenTable = headWords, sequenceTable = tokenTable + 2 * bounds.tokens
        let slotTable = sequenceTable + sequenceWords * bounds.sequences, pageTable = slotTable + slotWords * bounds.sequences
        words[0] = UInt32(step.tokens)
        words[1] = UInt32(step.sequenceCount)
        words[2] = UInt32(step.rows)
        words[3] = UInt32(tokenTable)
        words[4] = UInt32(sequenceTable)
        words[5] = UInt32(pageTable)
        words[6] = UInt32(slotTable)
        for i in 0..<step.sequenceCount {
            let sequence = step.sequence(i)
            let (first, past) = (Int(sequence.first_token), Int(sequence.past))
            let entry = words + sequenceTable + sequenceWords * i
            entry[0] = sequence.first_token
            entry[1] = sequence.token_count
            entry[2] = sequence.past
            entry[3] = sequence.planned_length
            entry[4] = sequence.first_page
            entry[5] = sequence.page_count
            words[slotTable + slotWords * i] = sequence.slot_before
            words[slotTable + slotWords * i + 1] = sequence.slot_after
            for token in 0..<Int(sequence.token_count) {
                words[tokenTable + 2 * (first + token)] = UInt32(i)
                words[tokenTable + 2 * (first + token) + 1] = UInt32(truncatingIfNeeded: past + token)
            }
        }
        if let pages = step.pages.baseAddress { (words + pageTable).update(from: pages, count: step.pages.count) }
    }
}
