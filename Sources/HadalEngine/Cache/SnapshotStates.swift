/// The states of an engine's sessions that cannot be cut at any token, where its model has such: each belongs to one session and is what it is
/// after all tokens of it. An empty session's is the state before the first token.
///
/// Called within `Engine.state`.
protocol SnapshotStates: AnyObject, Sendable {
    /// Bytes of a snapshot.
    var snapshotBytes: Int { get }

    /// Copies a session's state to a slot.
    func saveSnapshot(of session: Session, to slot: UInt32) throws

    /// Makes a slot's state a session's. nil: the state before the first token.
    ///
    /// On an error the session's state is unknown.
    /// - Parameter count: tokens that it is after.
    func restoreSnapshot(_ slot: UInt32?, after count: Int, to session: Session) throws

    /// Makes a session's state that of another.
    func copyState(of session: Session, to other: Session) throws

    /// - Parameter destination: `snapshotBytes`.
    func readSnapshot(_ slot: UInt32, into destination: UnsafeMutableRawBufferPointer) throws

    /// - Parameter source: `snapshotBytes`, unaligned.
    func writeSnapshot(_ slot: UInt32, from source: UnsafeRawBufferPointer) throws
}
