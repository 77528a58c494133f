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
        let unit = max(1, Int(sysconf(Int32(_SC_PAGESIZE))))
        let (padded, overflow) = max(bytes, 1).addingReportingOverflow(unit - 1)
        let size = padded / unit * unit
        guard !overflow, var mapped = Self.map(size) else {
            throw HadalError(.outOfMemory, "cannot allocate \(bytes) bytes of host memory")
        }
        #if os(Linux)
            if huge, size >= large {
                // Pages of that size begin at multiples of it, which older systems do not choose by themselves.
                if UInt(bitPattern: mapped) % UInt(large) != 0, let wider = Self.map(size + large) {
                    munmap(mapped, size)
                    let head = large - Int(UInt(bitPattern: wider) % UInt(large))
                    munmap(wider, head)
                    if head < large { munmap(wider + head + size, large - head) }
                    mapped = wider + head
                }
                // What is left beyond the last large page has small ones.
                madvise(mapped, size, MADV_HUGEPAGE)
            }
        #endif
        self.bytes = size
        pointer = mapped
    }

    private static func map(_ size: Int) -> UnsafeMutableRawPointer? {
        let mapped = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        return mapped == MAP_FAILED ? nil : mapped
    }

    deinit { munmap(pointer, bytes) }
}
