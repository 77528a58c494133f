import Foundation
import HadalCore
import Synchronization
import Testing

@Suite("Threads of the system") struct SystemThreadTests {
    @Test("what a thread wrote is there after it was joined, and joining twice does no harm")
    func join() throws {
        let value = Mutex(0)
        let thread = try #require(
            SystemThread(name: "joined") {
                usleep(10_000)
                value.withLock { $0 = 7 }
            })
        thread.join()
        #expect(value.withLock { $0 } == 7)
        thread.join()
    }

    @Test("a thread that nobody keeps runs to its end")
    func detached() throws {
        let isDone = Monitor(false)
        try #require(SystemThread(name: "free") { isDone.update { $0 = true } } != nil)
        isDone.wait(until: { $0 }) { _ in }
    }

    @Test("only the thread itself is current, and does not wait for itself")
    func current() throws {
        let thread = Monitor<SystemThread?>(nil)
        let seen = Mutex<Bool?>(nil)
        let made = try #require(
            SystemThread(name: "itself") {
                let own = thread.wait(until: { $0 != nil }) { $0 }
                own?.join()
                let isCurrent = own?.isCurrent
                seen.withLock { $0 = isCurrent }
            })
        #expect(!made.isCurrent)
        thread.update { $0 = made }
        made.join()
        #expect(seen.withLock { $0 } == true)
        thread.update { $0 = nil }
    }

    @Test("the stack has the size that was asked for", arguments: [256 << 10, 16 << 20])
    func stack(bytes: Int) throws {
        let used = Mutex(0)
        try #require(
            SystemThread(name: "stack", stackBytes: bytes) {
                var marker: UInt8 = 0
                let top = withUnsafePointer(to: &marker) { Int(bitPattern: $0) }
                let deepest = StackDepth.deepest(StackGuard())
                used.withLock { $0 = top - deepest }
            }
        ).join()
        // The guard leaves some of it, and less than half.
        #expect(used.withLock { $0 > bytes / 2 && $0 < bytes })
    }

    @Test("without a thread the body is not run")
    func none() {
        // Less than the system allows.
        #expect(SystemThread(name: "none", stackBytes: 1) { Issue.record("ran") } == nil)
    }

    #if os(Linux)
        @Test("the system shows the name, or its first 15 bytes")
        func name() throws {
            let found = Mutex("")
            try #require(
                SystemThread(name: "a-name-of-more-than-15-bytes") {
                    let text = SystemFile.text("/proc/thread-self/comm") ?? ""
                    found.withLock { $0 = text }
                }
            ).join()
            #expect(found.withLock { $0 } == "a-name-of-more-\n")
        }
    #endif
}
