#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Memory of this process as the system counts it.
package enum ProcessMemory {
    /// Most bytes that were resident at once, mapped files included.
    package static var peakBytes: Int {
        // What getrusage tells on Linux counts the program that started this one, too.
        if let peak = highWaterMark(in: SystemFile.text("/proc/self/status") ?? "") { return peak }
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
        #if os(Linux)
            return Int(usage.ru_maxrss) * 1024
        #else
            return Int(usage.ru_maxrss)
        #endif
    }

    /// Bytes that are resident now, mapped files included; 0 where the system does not tell.
    package static var residentBytes: Int { bytes(of: "VmRSS:", in: SystemFile.text("/proc/self/status") ?? "") ?? 0 }

    static func highWaterMark(in status: String) -> Int? { bytes(of: "VmHWM:", in: status) }

    /// Source: proc_pid_status(5), which states kibibytes.
    private static func bytes(of key: String, in status: String) -> Int? {
        for line in status.split(separator: "\n") where line.hasPrefix(key) {
            return line.split { $0 == " " || $0 == "\t" }.dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
        }
        return nil
    }
}
