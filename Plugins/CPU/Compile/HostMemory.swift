import HadalCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Zeroed memory of the plugin's own, aligned to 64 bytes at least.
final class HostMemory: @unchecked Sendable {
    let bytes: Int
    let pointer: UnsafeMutableRawPointer

    /// - Parameter huge: ask the system for 2 MiB pages, which spares address translations in long sweeps.
    /// - Throws: `HadalError.outOfMemory`.
    init(bytes: Int, huge: Bool) throws {
        let large = 2 << 20
        let unit = huge && bytes >= large ? large : 4096
        let (padded, overflow) = max(bytes, 1).addingReportingOverflow(unit - 1)
        let size = padded / unit * unit
        guard !overflow, let mapped = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), mapped != MAP_FAILED
        else { throw HadalError(.outOfMemory, "cannot allocate \(bytes) bytes of host memory") }
        #if os(Linux)
        if unit == large { madvise(mapped, size, MADV_HUGEPAGE) }
        #endif
        self.bytes = size
        pointer = mapped
    }

    deinit { munmap(pointer, bytes) }
}
