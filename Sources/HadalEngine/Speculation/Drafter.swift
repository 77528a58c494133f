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

/// The index of the largest value; the first of several, and 0 when all are NaN.
func indexOfLargest(_ values: UnsafePointer<Float>, _ count: Int) -> Int32 {
    var best = 0
    for i in 1..<max(count, 1) where values[i] > values[best] || values[best].isNaN { best = i }
    return Int32(best)
}
