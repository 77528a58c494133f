import HadalBackend
import HadalCore

/// Strings and arrays that the other side may keep as long as the plugin is loaded: each distinct one is made once.
///
/// Thread safety: any thread.
final class InternPool: Sendable {
    private let known = Monitor(Known())

    private struct Known {
        let arena = ForeignArena()
        var strings: [ExactString: UnsafePointer<CChar>] = [:]
        var arrays: [[UInt32]: UnsafePointer<UInt32>] = [:]
    }

    func string(_ text: String) -> UnsafePointer<CChar> {
        known.withLock { known in
            if let pointer = known.strings[ExactString(text)] { return pointer }
            let pointer = known.arena.string(text)
            known.strings[ExactString(text)] = pointer
            return pointer
        }
    }

    func array(_ values: [UInt32]) -> UnsafePointer<UInt32>? {
        known.withLock { known in
            if let pointer = known.arrays[values] { return pointer }
            guard let pointer = known.arena.array(values) else { return nil }
            known.arrays[values] = UnsafePointer(pointer)
            return UnsafePointer(pointer)
        }
    }
}
