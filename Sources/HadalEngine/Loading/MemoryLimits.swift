#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

import HadalCore

/// How much more memory this process may take, as far as something limits it.
package struct MemoryLimits: Sendable {
    /// What the machine can give without swapping; nil where it does not tell.
    package var machine: Int?
    /// What the process's control group allows beyond what the process has now; nil without a limit.
    package var group: Int?
    /// What RLIMIT_AS allows beyond what the process has mapped now; nil without a limit.
    package var addresses: Int?

    package init(machine: Int? = nil, group: Int? = nil, addresses: Int? = nil) {
        self.machine = machine
        self.group = group
        self.addresses = addresses
    }

    static func current() -> MemoryLimits {
        let own = sizes()
        return MemoryLimits(
            machine: Processors.freeMemory.map { Int(clamping: $0) },
            group: ControlGroups().memory.map { max(0, $0.value - own.resident) },
            addresses: AddressSpace.limit.map { max(0, $0 - own.mapped) })
    }

    /// Bytes that the process has mapped, and of its own memory that is resident.
    private static func sizes() -> (mapped: Int, resident: Int) {
        let fields = (SystemFile.text("/proc/self/statm") ?? "").split { $0 == " " || $0 == "\n" }.compactMap { Int($0) }
        guard fields.count >= 3 else { return (0, 0) }
        let page = max(1, Int(sysconf(Int32(_SC_PAGESIZE))))
        return (fields[0] * page, max(0, fields[1] - fields[2]) * page)
    }
}
