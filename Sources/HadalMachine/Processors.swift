#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// How many cores this process may use, and what they are called.
public enum Processors {
    /// Physical cores within the process's affinity mask and its control group's quota; at least 1.
    public static let usable: Int = {
        #if os(Linux)
        let allowed = affinity()
        var cores = Set<String>()
        for processor in allowed {
            // Hyperthreads of one core list the same siblings.
            cores.insert(text("/sys/devices/system/cpu/cpu\(processor)/topology/thread_siblings_list") ?? "\(processor)")
        }
        return max(1, min(cores.count, quota() ?? Int.max))
        #else
        return max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        #endif
    }()

    public static let modelName: String = {
        let line = text("/proc/cpuinfo")?.split(separator: "\n").first { $0.hasPrefix("model name") }
        guard let line, let colon = line.firstIndex(of: ":") else { return "CPU" }
        return String(line[line.index(after: colon)...].drop { $0 == " " })
    }()

    /// Bytes that can be allocated without swapping, or nil when the system does not say.
    public static var freeMemory: UInt64? {
        guard let line = text("/proc/meminfo")?.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }) else { return nil }
        return line.split(separator: " ").dropFirst().first.flatMap { UInt64($0) }.map { $0 * 1024 }
    }

    /// Bytes of the largest cache, or nil when the system does not say.
    public static var lastLevelCache: Int? {
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

    #if os(Linux)
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

    /// Whole processors that the control group's quota allows, or nil when there is none.
    private static func quota() -> Int? {
        let fields = (text("/sys/fs/cgroup/cpu.max") ?? "").split { $0 == " " || $0 == "\n" }
        guard fields.count == 2, let limit = Int(fields[0]), let period = Int(fields[1]), period > 0 else { return nil }
        return max(1, limit / period)
    }
    #endif

    private static func text(_ path: String) -> String? {
        let file = open(path, O_RDONLY)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while bytes.count < 1 << 20 {
            let got = read(file, &chunk, chunk.count)
            guard got > 0 else { break }
            bytes += chunk[..<got]
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}
