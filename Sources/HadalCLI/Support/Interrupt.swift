import Dispatch
import Foundation
import Synchronization

/// Ctrl-C: the first asks for a clean end, the second ends the program.
enum Interrupt {
    private static let count = Atomic<Int>(0)
    private static let source = Mutex<(any DispatchSourceSignal)?>(nil)

    static var wasInterrupted: Bool { count.load(ordering: .relaxed) > 0 }

    static func reset() { count.store(0, ordering: .relaxed) }

    static func onInterrupt(_ action: @escaping @Sendable () -> Void) {
        signal(SIGINT, SIG_IGN)
        let handler = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        handler.setEventHandler {
            if count.add(1, ordering: .relaxed).newValue > 1 { exit(130) }
            action()
        }
        handler.resume()
        source.withLock { old in
            old?.cancel()
            old = handler
        }
    }
}
