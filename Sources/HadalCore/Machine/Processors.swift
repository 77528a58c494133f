#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How many cores this process may use, and what they are called.
package enum Processors {
    /// Threads that this process should compute with: its cores, and no more than its quota; at least 1.
    package static let usable = usable(cores: cores, quota: quota?.value)

    /// The same where hyperthreads of one core count each.
    package static let usableHyperthreads = usable(cores: affinity().count, quota: quota?.value)

    /// Physical cores within the process's affinity mask, which its cpuset narrows; at least 1.
    package static let cores: Int = {
        var cores = Set<String>()
        for processor in affinity() {
            // Hyperthreads of one core list the same siblings.
            cores.insert(text("/sys/devices/system/cpu/cpu\(processor)/topology/thread_siblings_list") ?? "\(processor)")
        }
        return max(1, cores.count)
    }()

    /// The tightest CPU quota of the process's control groups, in processors; nil without one.
    package static let quota = ControlGroups().processors

    /// A fraction of a processor more is no thread more: threads that wait for each other would all wait for it.
    static func usable(cores: Int, quota: Double?) -> Int {
        max(1, quota.map { $0 < Double(cores) ? Int($0) : cores } ?? cores)
    }

    private static func text(_ path: String) -> String? { SystemFile.text(path) }

    package static let modelName: String = {
        let line = text("/proc/cpuinfo")?.split(separator: "\n").first { $0.hasPrefix("model name") }
        guard let line, let colon = line.firstIndex(of: ":") else { return "CPU" }
        return String(line[line.index(after: colon)...].drop { $0 == " " })
    }()

    /// Bytes that can be allocated without swapping, or nil when the system does not say.
    package static var freeMemory: UInt64? {
        guard let line = text("/proc/meminfo")?.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }) else { return nil }
        return line.split(separator: " ").dropFirst().first.flatMap { UInt64($0) }.map { $0 * 1024 }
    }

    /// Bytes of the largest cache, or nil when the system does not say.
    package static var lastLevelCache: Int? {
        (0..<8).compactMap { index -> Int? in
            guard let size = text("/sys/devices/system/cpu/cpu0/cache/index\(index)/size")?.split(separator: "\n").first,
                let number = Int(size.dropLast())
            else { return nil }
            switch size.last {
            case "K": return number << 10
            case "M": return number << 20
            default: return nil
            }
        }.max()
    }

    /// Numbers of the processors in this process's affinity mask.
    private static func affinity() -> [Int] {
        let line = text("/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }
        let ranges = (line?.dropFirst("Cpus_allowed_list:".count) ?? "").split { $0 == "," || $0 == "\t" || $0 == " " }
        let allowed = ranges.flatMap { range -> [Int] in
            let ends = range.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first <= last, last < 1 << 16 else { return [] }
            return Array(first...last)
        }
        return allowed.isEmpty ? Array(0..<max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) : allowed
    }
}
