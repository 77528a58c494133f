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

    /// Source: proc_pid_status(5), which states kibibytes.
    static func highWaterMark(in status: String) -> Int? {
        for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
            return line.split { $0 == " " || $0 == "\t" }.dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
        }
        return nil
    }
}
