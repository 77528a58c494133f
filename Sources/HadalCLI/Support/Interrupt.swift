@preconcurrency import Dispatch
import Foundation
import Synchronization

/// Ctrl-C: the first asks for a clean end, the second ends the program.
enum Interrupt {
    private static let count = Atomic<Int>(0)
    private static let action = Mutex<(@Sendable () -> Void)?>(nil)
    /// Lives as long as the program; made when first asked for.
    nonisolated(unsafe) private static let source: any DispatchSourceSignal = {
        signal(SIGINT, SIG_IGN)
        let handler = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        handler.setEventHandler {
            if count.add(1, ordering: .relaxed).newValue > 1 { exit(130) }
            action.withLock { $0 }?()
        }
        handler.resume()
        return handler
    }()

    static var wasInterrupted: Bool { count.load(ordering: .relaxed) > 0 }

    static func reset() { count.store(0, ordering: .relaxed) }

    static func onInterrupt(_ newAction: @escaping @Sendable () -> Void) {
        action.withLock { $0 = newAction }
        _ = source
    }
}
