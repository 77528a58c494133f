import HadalCore
import Synchronization

/// Tells all open pages what has changed.
///
/// Thread safety: any thread.
final class EventHub: Sendable {
    private let listeners = Mutex<[Int: AsyncStream<String>.Continuation]>([:])
    private let next = Mutex(0)

    func tell(_ name: String, _ data: JSON) {
        let text = serverSentEvent(name, data)
        for listener in listeners.withLock({ Array($0.values) }) { listener.yield(text) }
    }

    /// What is told from now on.
    func events() -> AsyncStream<String> {
        let number = next.withLock { number in
            number += 1
            return number
        }
        // A page that does not read is told the latest only.
        return AsyncStream(bufferingPolicy: .bufferingNewest(256)) { continuation in
            listeners.withLock { $0[number] = continuation }
            continuation.onTermination = { [weak self] _ in self?.listeners.withLock { $0[number] = nil } }
        }
    }

    func end() { for listener in listeners.withLock({ Array($0.values) }) { listener.finish() } }
}
