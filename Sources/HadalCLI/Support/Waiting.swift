import Dispatch
import Synchronization

/// Asynchronous work of a command, which is not.
enum Waiting {
    private final class Outcome: Sendable {
        let error = Mutex<(any Error)?>(nil)
    }

    /// Runs a task to its end on the calling thread's behalf, which must not be one of Swift's cooperative pool.
    static func run(_ body: @escaping @Sendable () async throws -> Void) throws {
        let (outcome, done) = (Outcome(), DispatchSemaphore(value: 0))
        Task.detached {
            do { try await body() } catch { outcome.error.withLock { $0 = error } }
            done.signal()
        }
        done.wait()
        if let error = outcome.error.withLock({ $0 }) { throw error }
    }
}
