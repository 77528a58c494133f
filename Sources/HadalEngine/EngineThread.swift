import HadalCore

/// A thread of an engine's own, for work that takes long: it runs one job after another, in the order in which they came.
///
/// Whoever waits for a job suspends, so that no thread of Swift's cooperative pool waits for a device. The thread begins with the first
/// job and ends, after the last, with this object.
final class EngineThread: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var isStarted = false
        var isClosed = false
    }

    private let name: String
    private let state = Monitor(State())

    /// - Parameter name: what debuggers show.
    init(name: String) { self.name = name }

    deinit { state.update { $0.isClosed = true } }

    func submit(_ job: @escaping @Sendable () -> Void) {
        let starts = state.update { state in
            state.jobs.append(job)
            defer { state.isStarted = true }
            return !state.isStarted
        }
        guard starts, SystemThread(name: name, { [state] in Self.work(state) }) == nil else { return }
        // The system has no thread to give: better late than never.
        state.withLock { $0.isStarted = false }
        while let job = state.withLock({ $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() }) { job() }
    }

    func run<Result: Sendable>(_ job: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            submit { continuation.resume(with: Swift.Result { try job() }) }
        }
    }

    private static func work(_ state: Monitor<State>) {
        while let job = state.wait(
            until: { !$0.jobs.isEmpty || $0.isClosed }, then: { $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() })
        { job() }
    }
}

extension Engine {
    /// Runs calls that block (`Session.append`, `generate`, `save` and the like) on the engine's own thread, and waits without holding
    /// a thread. Jobs take turns with each other and with the steps of streams.
    public func perform<Result: Sendable>(_ job: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await thread.run(job)
    }
}
