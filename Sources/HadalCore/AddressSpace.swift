#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The address space that this process may use.
package enum AddressSpace {
    /// Bytes that may be mapped in all (`ulimit -v`); nil without a limit.
    package static var limit: Int? {
        var limit = rlimit()
        #if os(Linux)
            guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { return nil }
        #else
            guard getrlimit(RLIMIT_AS, &limit) == 0 else { return nil }
        #endif
        let most = Int(clamping: limit.rlim_cur)
        return most >= 1 << 50 ? nil : most
    }
}
