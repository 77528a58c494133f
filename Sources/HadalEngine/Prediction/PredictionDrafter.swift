import HadalCore
import Synchronization

/// Drafts with the model's own layer that predicts the token after the next.
final class PredictionDrafter: Drafter {
    private let state: PredictionState

    init(_ state: PredictionState) { self.state = state }

    var kind: String { "mtp" }
    var firstLength: Int { 1 }

    /// The head follows every step of the session, in batches: there is nothing to catch up with.
    func behind(_ session: Session) -> Int { 0 }
    func catchUp(_ session: Session) {}

    func draft(_ session: Session, limit: Int, into drafts: UnsafeMutablePointer<Int32>) throws -> Int {
        guard let tokens = session.storage.baseAddress else { return 0 }
        return try session.engine.state.withLock { _ in
            try state.draft(limit, count: session.count, tokens: tokens, into: drafts, cancel: session.cancelFlag.address)
        }
    }
}
