import HadalBackend
import HadalCore

/// The states of fixed size of an engine's sessions, and snapshots of them: slots that sessions and snapshots share, since a slot that somebody
/// may read is never written.
///
/// Guarded by `Engine.state`.
final class FixedStates: SnapshotStates, @unchecked Sendable {
    private let program: Program
    private var pool: PagePool
    /// Where each snapshot lies; nil: it was never filled.
    private var snapshots: [UInt32?]

    /// - Parameter snapshotSlots: snapshots at most, which are among the program's slots.
    init(_ program: Program, snapshotSlots: Int) {
        self.program = program
        pool = PagePool(pages: program.slotCount)
        snapshots = Array(repeating: nil, count: snapshotSlots)
    }

    var snapshotBytes: Int { program.slotBytes }

    /// Slots that a session keeps at most, while a step runs.
    static let slotsPerSession = 2

    private func take() throws -> UInt32 {
        guard let slot = pool.take() else {
            throw HadalError(
                .contextFull, "all \(program.slotCount) slots for recurrent states are taken", hint: ["close sessions"])
        }
        return slot
    }

    private func release(_ held: StateSlots.Held?) { if let held { pool.release(held.slot) } }

    // MARK: steps

    /// Gives each part of a step a slot to leave its states in.
    ///
    /// - Throws: `contextFull` when slots run out; no session has changed then.
    func begin(_ parts: some Collection<StepPart>) throws {
        do {
            for part in parts {
                let session = part.session
                settle(session)
                session.slots.next = StateSlots.Held(slot: try take(), count: session.count + part.count)
            }
        } catch {
            abandon(parts)
            throw error
        }
    }

    /// The step has run: the slots that it wrote are the sessions' states.
    func commit(_ parts: some Collection<StepPart>) {
        for part in parts {
            let session = part.session
            session.slots.previous = session.slots.current
            session.slots.beganEmpty = session.slots.current == nil
            session.slots.current = session.slots.next
            session.slots.next = nil
        }
    }

    /// The step did not run to its end: the sessions' states are those from before it.
    func abandon(_ parts: some Collection<StepPart>) {
        for part in parts {
            release(part.session.slots.next)
            part.session.slots.next = nil
        }
    }

    /// Gives up the states that the session does not go on from.
    func settle(_ session: Session) {
        guard session.count < session.slots.current?.count ?? 0 else {
            release(session.slots.previous)
            (session.slots.previous, session.slots.beganEmpty) = (nil, false)
            return
        }
        release(session.slots.current)
        (session.slots.current, session.slots.previous, session.slots.beganEmpty) = (session.slots.previous, nil, false)
    }

    // MARK: sessions

    /// Takes all slots back.
    func releaseSlots(_ slots: StateSlots) {
        release(slots.current)
        release(slots.previous)
        release(slots.next)
    }

    private func replace(_ session: Session, _ held: StateSlots.Held?) {
        let old = session.slots
        session.slots = StateSlots(current: held)
        releaseSlots(old)
    }

    func copyState(of session: Session, to other: Session) throws {
        settle(session)
        if let current = session.slots.current { pool.retain(current.slot) }
        replace(other, session.slots.current)
    }

    // MARK: snapshots

    func saveSnapshot(of session: Session, to slot: UInt32) throws {
        guard let current = session.slots.current, current.count == session.count else {
            throw HadalError(.invalidArgument, "the session's state is not that after its tokens")
        }
        pool.retain(current.slot)
        if let old = snapshots[Int(slot)] { pool.release(old) }
        snapshots[Int(slot)] = current.slot
    }

    func restoreSnapshot(_ slot: UInt32?, after count: Int, to session: Session) throws {
        guard let slot else { return replace(session, nil) }
        guard let held = snapshots[Int(slot)] else { throw HadalError(.notFound, "there is no snapshot in slot \(slot)") }
        pool.retain(held)
        replace(session, StateSlots.Held(slot: held, count: count))
    }

    func readSnapshot(_ slot: UInt32, into destination: UnsafeMutableRawBufferPointer) throws {
        guard let held = snapshots[Int(slot)] else { throw HadalError(.notFound, "there is no snapshot in slot \(slot)") }
        try readSlot(held, into: destination)
    }

    func writeSnapshot(_ slot: UInt32, from source: UnsafeRawBufferPointer) throws {
        let taken = try take()
        do { try writeSlot(taken, from: source) } catch {
            pool.release(taken)
            throw error
        }
        if let old = snapshots[Int(slot)] { pool.release(old) }
        snapshots[Int(slot)] = taken
    }

    // MARK: bytes

    /// The states of a session in the order of the graph.
    ///
    /// - Returns: the tokens that they are after, and `snapshotBytes`; nil for the state before the first token.
    func read(_ session: Session) throws -> (count: Int, bytes: [UInt8])? {
        settle(session)
        guard let current = session.slots.current else { return nil }
        var bytes = [UInt8](repeating: 0, count: snapshotBytes)
        try bytes.withUnsafeMutableBytes { try readSlot(current.slot, into: $0) }
        return (current.count, bytes)
    }

    /// Makes bytes that `read` gave a session's states.
    func write(_ bytes: UnsafeRawBufferPointer, after count: Int, to session: Session) throws {
        let slot = try take()
        do { try writeSlot(slot, from: bytes) } catch {
            pool.release(slot)
            throw error
        }
        replace(session, StateSlots.Held(slot: slot, count: count))
    }

    private func readSlot(_ slot: UInt32, into destination: UnsafeMutableRawBufferPointer) throws {
        try forEachState { state, range in
            try program.readPage(Int(slot), state: state, into: UnsafeMutableRawBufferPointer(rebasing: destination[range]))
        }
    }

    private func writeSlot(_ slot: UInt32, from source: UnsafeRawBufferPointer) throws {
        try forEachState { state, range in
            try program.writePage(Int(slot), state: state, from: UnsafeRawBufferPointer(rebasing: source[range]))
        }
    }

    private func forEachState(_ body: (Int, Range<Int>) throws -> Void) rethrows {
        var offset = 0
        for state in program.fixedStates {
            let size = program.pageBytes(state: state)
            try body(state, offset..<offset + size)
            offset += size
        }
    }
}
