import Hadal
import Synchronization

/// A progress bar on stderr: shown on a terminal only, and only once a second has passed. Any thread may update it.
final class Progress: Sendable {
    private struct State {
        var shown = false
        var last = ContinuousClock.now
    }
    private let title: String
    private let start = ContinuousClock.now
    private let state = Mutex(State())

    init(_ title: String) { self.title = title }

    func update(_ fraction: Double, detail: String = "") {
        state.withLock { state in
            let now = ContinuousClock.now
            guard Terminal.standardErrorIsTerminal, now - start > .seconds(1), now - state.last > .milliseconds(100) || !state.shown
            else { return }
            state.last = now
            state.shown = true
            let width = 30
            let share = max(0, min(1, fraction))
            let filled = Int((share * Double(width)).rounded())
            let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
            Terminal.write("\r\(title) [\(bar)] \(Int(share * 100))% \(detail)\u{1B}[K", to: .standardError)
        }
    }

    func finish() {
        state.withLock { state in
            if state.shown { Terminal.write("\r\u{1B}[K", to: .standardError) }
            state.shown = false
        }
    }
}
