import HadalBackend

/// In which steps a session's tokens were computed, as far as that shows in their bits.
struct StepLog {
    /// The tokens of steps that took the way of many, in order.
    private var wide: [Range<Int>] = []
    /// Tokens that are accounted for.
    private var length = 0

    /// A part of a step has run, and its session not moved on yet. What the session has from elsewhere was a prompt of somebody's.
    mutating func note(_ part: StepPart) {
        let start = part.session.count, end = start + part.count
        while let last = wide.last, last.upperBound > start { wide.removeLast() }
        let chunk = part.session.engine.promptChunk
        for first in stride(from: min(length, start), to: start, by: chunk) { wide.append(first..<min(first + chunk, start)) }
        if part.count > BackendCapabilities.stableTokens { wide.append(start..<end) }
        length = end
    }

    /// How many tokens come next in a step that gives them, after the first `count`, the bits that they had.
    func size(after count: Int, upTo end: Int) -> Int {
        let next = wide.first { $0.upperBound > count }
        if let next, next.lowerBound <= count { return min(next.upperBound, end) - count }
        return min(BackendCapabilities.stableTokens, min(next?.lowerBound ?? end, end) - count)
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
        let size = min(log.size(after: session.count, upTo: length), session.engine.batchTokens)
        return StepPart(session: session, count: size, plannedLength: waiting?.plannedLength ?? length, wantedRows: 0)
    }
}
