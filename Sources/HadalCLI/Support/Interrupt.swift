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

    /// As above, for SIGTERM.
    nonisolated(unsafe) private static let termination: any DispatchSourceSignal = {
        signal(SIGTERM, SIG_IGN)
        let handler = DispatchSource.makeSignalSource(signal: SIGTERM, queue: .global())
        handler.setEventHandler { count.add(1, ordering: .relaxed) }
        handler.resume()
        return handler
    }()

    /// From now on SIGTERM counts as an interrupt too, for work that has something to clear away.
    static func includeTermination() { _ = termination }

    static var wasInterrupted: Bool { count.load(ordering: .relaxed) > 0 }

    static func reset() { count.store(0, ordering: .relaxed) }

    static func onInterrupt(_ newAction: @escaping @Sendable () -> Void) {
        action.withLock { $0 = newAction }
        _ = source
    }
}
