@testable import HadalEngine

/// States that cannot be cut: a hash of all tokens so far for each session, which can be advanced, or be what a snapshot holds.
///
/// Counts the times that a state is not the one of the tokens that it is used for. Touched within `Engine.state`.
final class HashStates: SnapshotStates, @unchecked Sendable {
    private struct State: Equatable {
        var hash: UInt64 = 14_695_981_039_346_656_037
        var length = 0

        mutating func advance(over tokens: some Sequence<Int32>) {
            for token in tokens { (hash, length) = ((hash ^ UInt64(truncatingIfNeeded: token)) &* 1_099_511_628_211, length + 1) }
        }

        static func after(_ tokens: some Sequence<Int32>) -> State {
            var state = State()
            state.advance(over: tokens)
            return state
        }
    }

    private struct Owned {
        weak var session: Session?
        var state: State
    }

    let snapshotBytes = MemoryLayout<State>.size
    private let slots: Int
    private var snapshots: [UInt32: State] = [:]
    private var owned: [ObjectIdentifier: Owned] = [:]
    private(set) var mistakes = 0
    private(set) var saved = 0
    private(set) var restored = 0

    init(slots: Int) { self.slots = slots }

    func saveSnapshot(of session: Session, to slot: UInt32) throws {
        check(slot < slots)
        snapshots[slot] = current(session)
        saved += 1
    }

    func restoreSnapshot(_ slot: UInt32?, after count: Int, to session: Session) throws {
        guard let slot else { return set(State(), for: session) }
        let state = snapshots[slot] ?? State()
        check(state.length > 0 && state.length == count && state == .after(session.storage.prefix(state.length)))
        set(state, for: session)
        restored += 1
    }

    func copyState(of session: Session, to other: Session) throws { set(current(session), for: other) }

    func readSnapshot(_ slot: UInt32, into destination: UnsafeMutableRawBufferPointer) throws {
        destination.storeBytes(of: snapshots[slot] ?? State(), as: State.self)
    }

    func writeSnapshot(_ slot: UInt32, from source: UnsafeRawBufferPointer) throws {
        snapshots[slot] = source.loadUnaligned(as: State.self)
    }

    /// Counts a mistake if the session's state is not that of its tokens.
    func check(_ session: Session) { if !session.lacksState { _ = current(session) } }

    /// A session's state, which steps have advanced.
    private func current(_ session: Session) -> State {
        let found = owned[ObjectIdentifier(session)].flatMap { $0.session === session ? $0.state : nil }
        var state = found ?? State()
        state.advance(over: session.history.dropFirst(state.length))
        check(state == .after(session.history))
        set(state, for: session)
        return state
    }

    private func set(_ state: State, for session: Session) { owned[ObjectIdentifier(session)] = Owned(session: session, state: state) }

    private func check(_ isRight: Bool) { if !isRight { mistakes += 1 } }
}
