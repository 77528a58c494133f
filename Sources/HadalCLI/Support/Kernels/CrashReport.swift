#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import Synchronization

/// Says which case a kernel crashed in, or did not end: a kernel under work may write anywhere, and then takes the process with it.
///
/// The text is put together before the case runs, since little may be done in a signal handler. Thread safety: one thread sets texts.
enum CrashReport {
    private static let capacity = 8192
    private nonisolated(unsafe) static let text = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    private static let length = Atomic<Int>(0)

    /// From now on, a crash writes what happened and what was set last to stderr and exits with status 1.
    static func install() {
        _ = text
        for signal in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM] {
            var action = sigaction()
            #if canImport(Glibc)
                action.__sigaction_handler.sa_handler = CrashReport.handle
            #else
                action.__sigaction_u.__sa_handler = CrashReport.handle
            #endif
            sigaction(signal, &action, nil)
        }
        // Whoever started this process may have had it blocked, which is inherited.
        var clock = sigset_t()
        sigemptyset(&clock)
        sigaddset(&clock, SIGALRM)
        pthread_sigmask(SIG_UNBLOCK, &clock, nil)
    }

    private static let handle: @convention(c) (Int32) -> Void = { signal in
        let what: StaticString = signal == SIGALRM ? "hadal: the kernel does not end" : "hadal: the kernel crashed"
        _ = write(2, what.utf8Start, what.utf8CodeUnitCount)
        let count = CrashReport.length.load(ordering: .acquiring)
        if count > 0 { _ = write(2, CrashReport.text, count) }
        _exit(1)
    }

    /// - Parameters:
    ///   - message: what follows "the kernel crashed".
    ///   - seconds: after so long what runs now is taken to have no end.
    static func set(_ message: String, seconds: Int? = nil) {
        alarm(UInt32(clamping: seconds ?? 0))
        length.store(0, ordering: .releasing)
        var count = 0
        for byte in message.utf8.prefix(capacity - 1) {
            text[count] = byte
            count += 1
        }
        text[count] = 0x0A
        length.store(count + 1, ordering: .releasing)
    }

    static func clear() {
        alarm(0)
        length.store(0, ordering: .releasing)
    }
}
