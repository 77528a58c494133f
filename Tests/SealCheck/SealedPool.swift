import Foundation
import Synchronization

/// Work on threads that are started under a seal.
enum SealedPool {
    /// - Returns: pieces of work that were done, which is 8.
    static func run() throws -> Int {
        let done = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: 8) { _ in done.add(1, ordering: .relaxed) }
        return done.load(ordering: .relaxed)
    }
}
