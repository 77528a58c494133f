import HadalCore
import Synchronization

/// What a server is doing and has done, for its metrics and for its end.
///
/// Thread safety: any thread.
final class Activity: Sendable {
    struct Counts {
        /// By status.
        var responses: [Int: Int] = [:]
        var promptTokens = 0
        var cachedTokens = 0
        var generatedTokens = 0
        var disconnects = 0
        /// Seconds to the first token, and of whole answers: sums and counts.
        var firstTokenSeconds = 0.0
        var firstTokens = 0
        var answerSeconds = 0.0
        var answers = 0
    }

    private struct State {
        var counts = Counts()
        var active = 0
        var isDraining = false
        var isOpen = false
        var seal: JSON?
    }
    private let state = Mutex(State())

    var counts: Counts { state.withLock { $0.counts } }
    /// Answers that are worked on.
    var active: Int { state.withLock { $0.active } }
    var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Whether requests are answered: not before the process has given up what it does not need.
    var isOpen: Bool { state.withLock { $0.isOpen } }
    /// What came of that; nil where nothing was given up.
    var seal: JSON? { state.withLock { $0.seal } }

    func open(seal: JSON?) {
        state.withLock {
            $0.isOpen = true
            $0.seal = seal
        }
    }

    func drain() { state.withLock { $0.isDraining = true } }

    func count(status: Int) { state.withLock { $0.counts.responses[status, default: 0] += 1 } }

    func change(_ body: (inout Counts) -> Void) { state.withLock { body(&$0.counts) } }

    func begin() { state.withLock { $0.active += 1 } }
    func end() { state.withLock { $0.active -= 1 } }
}
