import HadalGraph

/// How many slots a model's states of fixed size have.
struct SlotCounts: Sendable {
    /// For sessions.
    let sessions: Int
    let snapshots: Int
    var all: Int { sessions + snapshots }

    /// Sessions that hold states between their steps, beside those of a step.
    private static let waitingSessions = 4
    private static let leastSnapshots = 4
    private static let mostSnapshots = 128
    /// Of the budget, what snapshots may take.
    private static let snapshotShare = 16
    /// Where there is no budget.
    private static let usualSnapshotBytes = 1 << 28

    /// - Parameters:
    ///   - sequences: of a step.
    ///   - budget: bytes of memory that the model may take; nil: nothing limits it.
    init(_ graph: Graph, sequences: Int, budget: Int?) {
        let bytes = graph.fixedStateBytes
        guard bytes > 0 else {
            (sessions, snapshots) = (0, 0)
            return
        }
        sessions = FixedStates.slotsPerSession * (sequences + Self.waitingSessions)
        let room = budget.map { $0 / Self.snapshotShare } ?? Self.usualSnapshotBytes
        snapshots = max(Self.leastSnapshots, min(room / bytes, Self.mostSnapshots))
    }
}
