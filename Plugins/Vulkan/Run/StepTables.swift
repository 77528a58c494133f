import CHadalPlugin
import HadalBackend
import HadalCore

/// What a step tells kernels: extents, and the tables of tokens, sequences and pages, as `hadal.glsl` reads them.
struct StepTables {
    private static let headWords = 8
    private static let sequenceWords = 6

    /// Words that the largest step needs.
    static func words(bounds: Segment.Bounds, pages: Int) -> Int {
        headWords + 2 * bounds.tokens + sequenceWords * bounds.sequences + pages
    }

    /// Writes a checked step. Allocates nothing unless the step is refused.
    ///
    /// - Returns: `invalidArgument` for a step that contradicts itself or is beyond the bounds.
    static func write(_ step: hadal_step, to words: UnsafeMutablePointer<UInt32>, bounds: Segment.Bounds, pageTokens: Int, pageCapacity: Int) -> HadalError? {
        let (tokens, count) = (Int(step.tokens), Int(step.sequence_count))
        guard tokens <= bounds.tokens, count <= bounds.sequences, Int(step.rows) <= bounds.rows else {
            return HadalError(
                .invalidArgument,
                "a step of \(step.tokens) tokens, \(step.sequence_count) sequences and \(step.rows) rows exceeds the compiled bounds")
        }
        let stride = Int(step.sequence_stride), listed = Int(step.page_list_count)
        guard count == 0 || step.sequences != nil && stride >= MemoryLayout<hadal_sequence>.size, listed == 0 || step.pages != nil,
            listed <= pageCapacity
        else { return HadalError(.invalidArgument, "the step's sequences or pages are missing or too many") }
        let tokenTable = headWords, sequenceTable = tokenTable + 2 * bounds.tokens
        let pageTable = sequenceTable + sequenceWords * bounds.sequences
        words[0] = step.tokens
        words[1] = step.sequence_count
        words[2] = step.rows
        words[3] = UInt32(tokenTable)
        words[4] = UInt32(sequenceTable)
        words[5] = UInt32(pageTable)
        for i in 0..<count {
            guard let base = step.sequences else { break }
            let sequence = UnsafeRawPointer(base).loadUnaligned(fromByteOffset: i * stride, as: hadal_sequence.self)
            let (first, new, past) = (Int(sequence.first_token), Int(sequence.token_count), Int(sequence.past))
            let (firstPage, pages) = (Int(sequence.first_page), Int(sequence.page_count))
            guard first <= tokens, new <= tokens - first, firstPage <= listed, pages <= listed - firstPage else {
                return HadalError(.invalidArgument, "sequence \(i) of the step lies outside its tokens or pages")
            }
            guard pages * pageTokens >= past + new || pages == 0 else {
                return HadalError(.invalidArgument, "sequence \(i) has \(pages) pages, too few for \(past + new) tokens")
            }
            let entry = words + sequenceTable + sequenceWords * i
            entry[0] = sequence.first_token
            entry[1] = sequence.token_count
            entry[2] = sequence.past
            entry[3] = sequence.planned_length
            entry[4] = sequence.first_page
            entry[5] = sequence.page_count
            for token in 0..<new {
                words[tokenTable + 2 * (first + token)] = UInt32(i)
                words[tokenTable + 2 * (first + token) + 1] = UInt32(past + token)
            }
        }
        if let pages = step.pages { (words + pageTable).update(from: pages, count: listed) }
        return nil
    }
}
