import Synchronization

/// A word by which any thread asks for work to end early.
///
/// Its address is what the plugin ABI takes as `const volatile uint32_t *cancel`: nonzero once the work is to end. It orders nothing else: what
/// one thread wrote before `set` need not be visible to another that finds it set.
///
/// Thread safety: any thread.
package final class CancelFlag: @unchecked Sendable {
    private let word: UnsafeMutablePointer<Atomic<UInt32>>

    package init() {
        word = .allocate(capacity: 1)
        word.initialize(to: Atomic(0))
    }

    deinit {
        word.deinitialize(count: 1)
        word.deallocate()
    }

    /// Valid while the flag lives.
    package var address: UnsafePointer<UInt32> { UnsafeRawPointer(word).assumingMemoryBound(to: UInt32.self) }

    package var isSet: Bool { word.pointee.load(ordering: .relaxed) != 0 }
    package func set() { word.pointee.store(1, ordering: .relaxed) }
    /// Forgets a request.
    package func clear() { word.pointee.store(0, ordering: .relaxed) }

    /// Whether a word that other threads write, on this side of the ABI or the other, is set.
    ///
    /// - Parameter address: of four aligned bytes; nil: never set.
    @inline(__always) package static func isSet(_ address: UnsafePointer<UInt32>?) -> Bool {
        guard let address else { return false }
        // An atomic word has the layout of a word.
        return UnsafeRawPointer(address).assumingMemoryBound(to: Atomic<UInt32>.self).pointee.load(ordering: .relaxed) != 0
    }
}
