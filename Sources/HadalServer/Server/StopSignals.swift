import Dispatch
import Foundation
import Synchronization

/// The first signal to stop (SIGTERM, SIGINT) runs a body, the second ends the process.
final class StopSignals: @unchecked Sendable {
    private let sources: [any DispatchSourceSignal]

    init(_ body: @escaping @Sendable () async -> Void) {
        let queue = DispatchQueue(label: "hadal.signals")
        let isFirst = FirstTime()
        sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if isFirst.isNow() { Task { await body() } } else { exit(1) }
            }
            source.resume()
            return source
        }
    }

    func end() { for source in sources { source.cancel() } }

    /// Tells the first of several calls from the others.
    private final class FirstTime: Sendable {
        private let flag = Mutex(false)

        func isNow() -> Bool {
            flag.withLock { flag in
                defer { flag = true }
                return !flag
            }
        }
    }
}
