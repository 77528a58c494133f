import CHadalSystem
import HadalCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a process holds in memory is what was typed and answered.
package enum MemoryDumps {
    /// Keeps it out of core files, also of the programs that this one starts, and from debuggers and other processes of the same user.
    ///
    /// Concerns the whole process, and cannot be needed twice. Root can still read it.
    ///
    /// - Throws: `unsupported` with what the system says.
    package static func forbid() throws {
        let result = hadal_sandbox_forbid_dumps()
        guard result == 0 else {
            throw HadalError(.unsupported, "core files cannot be forbidden: \(String(cString: strerror(-result)))")
        }
    }
}
