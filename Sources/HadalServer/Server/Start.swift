import ServiceLifecycle
import Synchronization

/// How far a server has come in starting. Any thread.
final class Start: Sendable {
    private struct State {
        var group: ServiceGroup?
        var isBound = false
        var fault: (any Error)?
    }
    private let state = Mutex(State())

    /// Whether the address was had.
    var isBound: Bool { state.withLock { $0.isBound } }
    /// Why the server ended before it answered.
    var fault: (any Error)? { state.withLock { $0.fault } }

    func setBound() { state.withLock { $0.isBound = true } }

    /// - Parameter group: what runs the server.
    func set(_ group: ServiceGroup) { state.withLock { $0.group = group } }

    /// Ends the server because of an error.
    func end(_ error: any Error) async {
        let group = state.withLock { state in
            state.fault = error
            return state.group
        }
        await group?.triggerGracefulShutdown()
    }
}
