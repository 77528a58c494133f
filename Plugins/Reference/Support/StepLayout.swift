import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph

/// One step as the ops see it: how many tokens, and which sequence each belongs to. Checked against the bounds once.
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
        var length: Int { past + count }
    }

    let tokens: Int
    let rows: Int
    let sequences: [Sequence]
    /// Index into `sequences` for each token of the step; -1 where none claims it.
    let sequenceOfToken: [Int]

    init(_ pointer: UnsafePointer<hadal_step>, bounds: Segment.Bounds) throws {
        let step = pointer.pointee
        tokens = Int(step.tokens)
        rows = Int(step.rows)
        let count = Int(step.sequence_count)
        guard tokens <= bounds.tokens, rows <= bounds.rows, count <= bounds.sequences else {
            throw HadalError(
                .invalidArgument,
                "a step of \(tokens) tokens, \(count) sequences and \(rows) rows is beyond the bounds "
                    + "\(bounds.tokens), \(bounds.sequences) and \(bounds.rows)")
        }
        var sequences: [Sequence] = []
        var owner = [Int](repeating: -1, count: tokens)
        let stride = Int(step.sequence_stride)
        guard count == 0 || (step.sequences != nil && stride >= MemoryLayout<hadal_sequence>.size) else {
            throw HadalError(.invalidArgument, "the step's sequences are missing")
        }
        let pageList = UnsafeBufferPointer(start: step.pages, count: step.pages == nil ? 0 : Int(step.page_list_count))
        for index in 0..<count {
            guard let base = step.sequences else { break }
            let entry = UnsafeRawPointer(base).loadUnaligned(fromByteOffset: index * stride, as: hadal_sequence.self)
            let (first, new) = (Int(entry.first_token), Int(entry.token_count))
            let (firstPage, pageCount) = (Int(entry.first_page), Int(entry.page_count))
            guard first <= tokens, new <= tokens - first else {
                throw HadalError(.invalidArgument, "sequence \(index) has tokens \(first)+\(new) of a step of \(tokens)")
            }
            guard firstPage <= pageList.count, pageCount <= pageList.count - firstPage else {
                throw HadalError(.invalidArgument, "sequence \(index) has pages \(firstPage)+\(pageCount) of a list of \(pageList.count)")
            }
            for token in first..<first + new {
                guard owner[token] < 0 else { throw HadalError(.invalidArgument, "token \(token) is in two sequences") }
                owner[token] = index
            }
            sequences.append(
                Sequence(
                    first: first, count: new, past: Int(entry.past), plannedLength: Int(entry.planned_length),
                    pages: UnsafeBufferPointer(rebasing: pageList[firstPage..<firstPage + pageCount])))
        }
        self.sequences = sequences
        sequenceOfToken = owner
    }

    /// The extent that a dim has in this step.
    func extent(_ dim: Dim) -> Int {
        switch dim {
        case .fixed(let n): n
        case .symbol(.tokens): tokens
        case .symbol(.sequences): sequences.count
        case .symbol(.rows): rows
        }
    }

    /// The sequence of a token.
    func sequence(ofToken token: Int) throws -> Sequence {
        guard token < sequenceOfToken.count, sequenceOfToken[token] >= 0 else {
            throw HadalError(.invalidArgument, "token \(token) belongs to no sequence of the step")
        }
        return sequences[sequenceOfToken[token]]
    }
}
