#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

import HadalCore

/// How much more memory this process may take, as far as someone limits it.
struct MemoryLimits: Sendable {
    /// What the process's control group allows beyond what the process has now; nil without a limit.
    var group: Int?
    /// What RLIMIT_AS allows beyond what the process has mapped now; nil without a limit.
    var addresses: Int?

    init(group: Int? = nil, addresses: Int? = nil) {
        self.group = group
        self.addresses = addresses
    }

    static func current() -> MemoryLimits {
        let own = sizes()
        return MemoryLimits(
            group: groupLimit().map { max(0, $0 - own.resident) }, addresses: AddressSpace.limit.map { max(0, $0 - own.mapped) })
    }

    /// Bytes that the process has mapped, and of its own memory that is resident.
    private static func sizes() -> (mapped: Int, resident: Int) {
        let fields = (text("/proc/self/statm") ?? "").split { $0 == " " || $0 == "\n" }.compactMap { Int($0) }
        guard fields.count >= 3 else { return (0, 0) }
        let page = max(1, Int(sysconf(Int32(_SC_PAGESIZE))))
        return (fields[0] * page, max(0, fields[1] - fields[2]) * page)
    }

    /// The least limit of the process's control group and those around it, version 2 or 1.
    private static func groupLimit() -> Int? {
        var least: Int?
        for line in (text("/proc/self/cgroup") ?? "").split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let roots: [String], file: String
            if fields[0] == "0", fields[1].isEmpty {
                (roots, file) = (["/sys/fs/cgroup", "/sys/fs/cgroup/unified"], "memory.max")
            } else if fields[1].split(separator: ",").contains("memory") {
                (roots, file) = (["/sys/fs/cgroup/memory"], "memory.limit_in_bytes")
            } else { continue }
            for root in roots {
                var path = fields[2] == "/" ? "" : String(fields[2])
                while true {
                    if let value = text("\(root)\(path)/\(file)").flatMap({ Int($0.prefix { ("0"..."9").contains($0) }) }), value < 1 << 50 {
                        least = min(least ?? value, value)
                    }
                    guard let slash = path.lastIndex(of: "/") else { break }
                    path = String(path[..<slash])
                }
            }
        }
        return least
    }

    private static func text(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 16384)
        let got = read(file, &bytes, bytes.count)
        return got > 0 ? String(decoding: bytes[..<got], as: UTF8.self) : nil
    }
}
