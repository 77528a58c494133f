import CHadalSystem
import HadalCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Takes from this process, for good, the right to other processes' memory.
///
/// The filter refuses the system calls for it, but `/proc/PID/mem` is a file like any other, and other processes of the user may be connected.
/// A process under Landlock has no right to those outside of it, whatever its rules say.
enum ProcessIsolation {
    /// `LANDLOCK_ACCESS_FS_MAKE_BLOCK`: a rule set must handle something, and nobody here makes block devices.
    private static let right: UInt64 = 1 << 11

    /// Binds the threads that `WriteRestriction` would.
    ///
    /// - Throws: `unsupported` when the kernel has Landlock and refuses the rules.
    static func enforce() throws -> WriteRestriction.Outcome {
        let version = hadal_sandbox_landlock_version()
        guard version > 0 else { return .unavailable(WriteRestriction.reason(-version)) }
        let rules = hadal_sandbox_landlock_create(right)
        guard rules >= 0 else { throw failure(-rules) }
        defer { close(rules) }
        let bindsAll = version >= 8
        let others = bindsAll ? 0 : try SealedThreads.all().count - 1
        let result = hadal_sandbox_landlock_enforce(rules, bindsAll)
        guard result == 0 else { throw failure(-result) }
        return .enforced(version: Int(version), unboundThreads: others)
    }

    private static func failure(_ number: Int32) -> HadalError {
        HadalError(.unsupported, "Landlock: cannot keep the process from others: \(String(cString: strerror(number)))")
    }
}
