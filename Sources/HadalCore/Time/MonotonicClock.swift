#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The clock that never goes back, as a number: for traces, statistics and deadlines of system calls.
package enum MonotonicClock {
    /// Nanoseconds since some moment before the process began.
    package static var nanoseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// The same in seconds.
    package static var seconds: Double { Double(nanoseconds) * 1e-9 }
}
