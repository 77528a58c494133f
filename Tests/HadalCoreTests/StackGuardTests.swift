import HadalCore
import Synchronization
import Testing

@Suite("Stack guards") struct StackGuardTests {
    @Test("recursion without an end ends with an error, on a small stack as on a large one", arguments: [128 << 10, 4 << 20])
    func ends(bytes: Int) throws {
        let found = Mutex<HadalError.Code?>(nil)
        try #require(
            SystemThread(name: "deep", stackBytes: bytes) {
                let error = #expect(throws: HadalError.self) { try StackDepth.recurse(StackGuard(), 0) }
                found.withLock { $0 = error?.code }
            }
        ).join()
        #expect(found.withLock { $0 } == .limitExceeded)
    }

    @Test("what fits is let through")
    func shallow() throws { try StackGuard().check() }
}

/// Recursion that only a guard ends.
enum StackDepth {
    /// The lowest address that a guard lets a frame have.
    static func deepest(_ guarding: StackGuard) -> Int {
        var marker = 0
        let here = withUnsafePointer(to: &marker) { Int(bitPattern: $0) }
        do { try guarding.check() } catch { return here }
        return min(here, deepest(guarding) + marker)
    }

    @discardableResult
    static func recurse(_ guarding: StackGuard, _ depth: Int) throws -> Int {
        try guarding.check()
        return try recurse(guarding, depth + 1) + 1
    }
}
