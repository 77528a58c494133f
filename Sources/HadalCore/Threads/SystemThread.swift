import CHadalSystem
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A thread of the system's own: for work that blocks, which Swift's cooperative pool is not to do.
///
/// The thread runs `body` once. Without `join` it goes on when this object goes, and ends on its own.
///
/// Thread safety: any thread.
package final class SystemThread: @unchecked Sendable {
    private let handle: pthread_t
    private let isJoined = Mutex(false)

    /// - Parameters:
    ///   - name: what debuggers and `top -H` show; Linux keeps 15 bytes of it.
    ///   - stackBytes: of its stack; nil: as many as the system gives.
    /// - Returns: nil when the system has no thread to give. `body` is then not run.
    package init?(name: String, stackBytes: Int? = nil, _ body: @escaping @Sendable () -> Void) {
        var attributes = pthread_attr_t()
        guard pthread_attr_init(&attributes) == 0 else { return nil }
        defer { pthread_attr_destroy(&attributes) }
        if let stackBytes { guard pthread_attr_setstacksize(&attributes, stackBytes) == 0 else { return nil } }
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        #if os(Linux)
            var created = pthread_t()
            let isStarted = pthread_create(&created, &attributes, { SystemThread.main($0) }, start.toOpaque()) == 0
        #else
            var made: pthread_t?
            let isStarted = pthread_create(&made, &attributes, { SystemThread.main($0) }, start.toOpaque()) == 0
            let created = made ?? pthread_self()
        #endif
        guard isStarted else {
            start.release()
            return nil
        }
        handle = created
    }

    deinit { if !isJoined.withLock({ $0 }) { pthread_detach(handle) } }

    /// Waits until the thread has ended; what it wrote is then seen here. May be called again, and from several threads. On the thread itself it
    /// returns at once: what it does last may be to let go of the owner that would join it.
    package func join() {
        if isCurrent { return }
        isJoined.withLock { isJoined in
            if !isJoined { pthread_join(handle, nil) }
            isJoined = true
        }
    }

    /// Whether the caller runs on this thread.
    package var isCurrent: Bool { pthread_equal(pthread_self(), handle) != 0 }

    private static func main(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let argument else { return nil }
        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        hadal_system_name_thread(start.name)
        start.body()
        return nil
    }

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) { (self.name, self.body) = (name, body) }
    }
}
