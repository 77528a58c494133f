import HadalBackend

/// In which steps a session's tokens were computed, as far as that shows in their bits.
struct StepLog {
    /// The tokens of steps that took the way of many, in order.
    private var wide: [Range<Int>] = []
    /// Tokens that are accounted for.
    private var length = 0

    /// A part of a step has run, of tokens that are computed for the first time, or again from its first on.
    ///
    /// - Parameters:
    ///   - start: the session's tokens before it. Those that no step computed here came from elsewhere, where they were a prompt of somebody's.
    ///   - chunk: tokens of a chunk of a prompt.
    mutating func note(_ count: Int, after start: Int, chunk: Int) {
        cut(to: start)
        for first in stride(from: min(length, start), to: start, by: chunk) { wide.append(first..<min(first + chunk, start)) }
        if count > BackendCapabilities.stableTokens { wide.append(start..<start + count) }
        length = start + count
    }

    /// Forgets tokens after the first few. What is left of a step must not be too short for the way of many.
    private mutating func cut(to start: Int) {
        while let last = wide.last, last.upperBound > start {
            wide.removeLast()
            guard last.lowerBound < start else { continue }
            if start - last.lowerBound < Session.leastChunk, let before = wide.last, before.upperBound == last.lowerBound {
                wide[wide.count - 1] = before.lowerBound..<start
            } else {
                wide.append(last.lowerBound..<start)
            }
        }
    }

    /// How many tokens come next in a step that gives them, after the first `count`, the bits that they had.
    ///
    /// - Parameter most: tokens of a step.
    func size(after count: Int, upTo end: Int, most: Int) -> Int {
        let next = wide.first { $0.upperBound > count }
        guard let next, next.lowerBound <= count else {
            return min(BackendCapabilities.stableTokens, min(next?.lowerBound ?? end, end) - count)
        }
        return Session.chunk(of: min(next.upperBound, end) - count, usual: nil, most: most)
    }

    /// Whether what comes after the first `count` tokens can be computed in steps of the kind that it was.
    func canResume(at count: Int) -> Bool {
        guard let step = wide.first(where: { $0.contains(count) }) else { return true }
        return step.upperBound - count >= Session.leastChunk
    }
}

/// What a session whose pages were given to others computes again.
struct Replay {
    /// Tokens that it held.
    let length: Int
    /// What its generation waited for; nil: nothing.
    let waiting: StepPart?

    /// The next part; nil: the session holds what it held.
    func next(_ session: Session, _ log: StepLog) -> StepPart? {
        guard session.count < length else { return nil }
        let size = log.size(after: session.count, upTo: length, most: session.engine.batchTokens)
        return StepPart(session: session, count: size, plannedLength: waiting?.plannedLength ?? length, wantedRows: 0)
    }
}
