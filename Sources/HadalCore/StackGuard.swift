import CHadalSystem

/// Refuses to recurse when the calling thread's stack is nearly used up.
///
/// A fixed depth limit alone is not enough for input from outside: a thread may have been given a small stack.
/// Valid only on the thread that made it.
package struct StackGuard {
    private let lowest: UInt
    private static let reserve: UInt = 96 << 10

    package init() {
        var base: UInt = 0
        var size = 0
        lowest = hadal_system_stack(&base, &size) ? base + min(StackGuard.reserve, UInt(size) / 2) : 0
    }

    /// - Throws: `HadalError.limitExceeded`.
    @inline(never)
    package func check() throws {
        var marker: UInt8 = 0
        let here = withUnsafeMutablePointer(to: &marker) { UInt(bitPattern: $0) }
        if here < lowest { throw HadalError(.limitExceeded, "the input nests too deeply for this thread's stack") }
    }
}
