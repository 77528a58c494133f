import HadalBackend
import HadalCore
import Synchronization

/// Strings and arrays that the other side may keep as long as the plugin is loaded: each distinct one is made once.
///
/// Thread safety: any thread.
final class InternPool: @unchecked Sendable {
    private let lock = Mutex(())
    private let arena = ForeignArena()
    private var strings: [ExactString: UnsafePointer<CChar>] = [:]
    private var arrays: [[UInt32]: UnsafePointer<UInt32>] = [:]

    func string(_ text: String) -> UnsafePointer<CChar> {
        lock.withLock { _ in
            if let known = strings[ExactString(text)] { return known }
            let pointer = arena.string(text)
            strings[ExactString(text)] = pointer
            return pointer
        }
    }

    func array(_ values: [UInt32]) -> UnsafePointer<UInt32>? {
        lock.withLock { _ in
            if let known = arrays[values] { return known }
            guard let pointer = arena.array(values) else { return nil }
            arrays[values] = UnsafePointer(pointer)
            return UnsafePointer(pointer)
        }
    }
}
