import CHadalSystem
import HadalCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Takes the network from this process, for good: from every thread, from whatever it loads later, and from the programs that it starts.
///
/// A filter in the kernel (seccomp) refuses the system calls of `SystemCall.forbidden` and a few by their arguments: see `NetworkFilter`. It
/// needs no privilege, and nobody can take it back, the process included. Sockets that are open already would go on working, so there may be
/// none but the listeners that are named.
package enum NetworkSeal {
    /// Whether this is a system and a processor that there is a filter for. The kernel may still not have been built with filters.
    package static var isSupported: Bool { FilterProcessor.current != nil }

    /// Sets the filter for all threads and tries what it forbids.
    ///
    /// May be called from any thread and more than once: filters add up.
    ///
    /// - Parameter listeners: descriptors of listening sockets that stay open; connections that they accept can be read and written.
    /// - Returns: what was refused. The caller decides what to do when something was not: `requireComplete`.
    /// - Throws: `invalidArgument` for an open socket; `unsupported` where the kernel or a thread does not take the filter.
    package static func apply(keeping listeners: [Int32] = []) throws -> SealReport {
        guard let processor = FilterProcessor.current else {
            throw HadalError(.unsupported, "the network can be forbidden only on Linux, on x86-64 and 64-bit Arm processors")
        }
        try listeners.forEach(checkListener)
        try OpenSockets.check(except: listeners)
        let threads = try SealedThreads.all().count
        let isolation = try ProcessIsolation.enforce()
        try setFilter(processor)
        // Another thread may have opened one before the filter was there; none can be opened now.
        try OpenSockets.check(except: listeners)
        var checks = SealAttempt.all(on: processor).map(check)
        checks += try threadChecks()
        return SealReport(checks: checks, threads: threads, listeners: listeners.count, isolation: isolation)
    }

    /// Sockets of this process that accept connections, for a server whose library does not tell the descriptor of what it bound.
    ///
    /// One that was inherited is among them: the caller compares their number with what it has bound.
    ///
    /// - Throws: `unsupported` where the system does not say what is open.
    package static func openListeners() throws -> [Int32] {
        try OpenSockets.find().map(\.descriptor).filter(isListener)
    }

    private static func isListener(_ descriptor: Int32) -> Bool {
        var (listens, size) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
        return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0
    }

    /// Only what accepts connections may stay: a socket that is connected to somewhere would be a way out.
    private static func checkListener(_ descriptor: Int32) throws {
        guard isListener(descriptor) else {
            throw HadalError(.invalidArgument, "descriptor \(descriptor) is not a listening socket")
        }
    }

    private static func setFilter(_ processor: FilterProcessor) throws {
        let instructions = NetworkFilter.instructions(for: processor).map(\.encoded)
        let result = instructions.withUnsafeBufferPointer { hadal_sandbox_set_filter($0.baseAddress, UInt16(clamping: $0.count)) }
        guard result != 0 else { return }
        guard result < 0 else {
            throw HadalError(
                .unsupported,
                "the network cannot be forbidden: thread \(result) (\(SealedThreads.name(of: result))) has another filter of its own")
        }
        throw HadalError(
            .unsupported, "the network cannot be forbidden: the kernel refuses the filter (\(String(cString: strerror(-result))))",
            hint: "this requires Linux 3.17 with CONFIG_SECCOMP_FILTER, and a container that allows seccomp")
    }

    private static func check(_ attempt: SealAttempt) -> SealReport.Check {
        let number = attempt.perform()
        let result =
            switch number {
            case 0: "it worked"
            case -1: "the kernel has no such ABI"
            case -2: "it could not be tried"
            default: String(cString: strerror(number))
            }
        // Without the ABI there is nothing to refuse.
        return SealReport.Check(name: attempt.name, result: result, isRefused: number == attempt.refusal || number == -1)
    }

    /// One check for all threads: the attempts above were those of one.
    private static func threadChecks() throws -> [SealReport.Check] {
        let threads = try SealedThreads.all()
        let open = threads.filter { !$0.isSealed }
        let result =
            open.isEmpty
            ? "all \(threads.count) have the filter" : "without the filter: " + open.map { "\($0.id) (\($0.name))" }.joined(separator: ", ")
        return [SealReport.Check(name: "any thread", result: result, isRefused: open.isEmpty)]
    }
}
