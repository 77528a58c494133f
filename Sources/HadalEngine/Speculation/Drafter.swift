/// Proposes how a session may go on. What it says is checked by the model: a bad drafter costs time and nothing else.
protocol Drafter: AnyObject {
    /// "mtp" or "draft".
    var kind: String { get }
    /// Drafts to start with.
    var firstLength: Int { get }

    /// Tokens of the session that the drafter has yet to process before it can draft cheaply.
    func behind(_ session: Session) -> Int

    /// Processes what the session already holds.
    ///
    /// - Throws: `cancelled` when the session was.
    func catchUp(_ session: Session) throws

    /// Drafts what follows the session's tokens and the chosen one, `session.next`, which is not processed yet.
    ///
    /// - Parameter drafts: room for `limit` tokens, each within the session's vocabulary.
    /// - Returns: how many there are; 0 when it has nothing to say.
    /// - Throws: `cancelled` when the session was.
    func draft(_ session: Session, limit: Int, into drafts: UnsafeMutablePointer<Int32>) throws -> Int
}
