/// Where a session's states of fixed size lie.
///
/// A step reads one slot and writes another, so that what it started from is there until the next: the session can go back to it, and compute
/// the tokens that it keeps again.
struct StateSlots {
    /// A slot, and the tokens that its states are after.
    struct Held: Equatable {
        var slot: UInt32
        var count: Int
    }

    /// After the last step; nil: the state before the first token.
    var current: Held?
    /// Before the last step. nil: there was none, or `current` is of no step.
    var previous: Held?
    /// Of the step that is running.
    var next: Held?
    /// Whether the last step began with the session's first token, so that the state before it takes no slot.
    var beganEmpty = false
}

extension StateSlots {
    /// Tokens of so many that the states miss and a step computes again first; nil: the states are after others.
    func missing(of count: Int) -> Int? {
        let states = current?.count ?? 0
        if count >= states { return count - states }
        if let previous { return count >= previous.count ? count - previous.count : nil }
        return beganEmpty ? count : nil
    }
}
