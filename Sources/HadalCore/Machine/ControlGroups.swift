/// The control groups that this process is in, of both versions, as far as its mounts show them.
///
/// Which group it is in, `/proc/self/cgroup` says; where that group's files are, `/proc/self/mountinfo`. A limit of any group around
/// it holds too, so each is looked at up to the mount point. Source: cgroups(7), proc_pid_mountinfo(5).
package struct ControlGroups: Sendable {
    /// A limit and the file that states it.
    package struct Limit<Value: Sendable & Equatable>: Sendable, Equatable {
        package var value: Value
        package var file: String
    }

    private struct Mount {
        /// Which group of the hierarchy is seen at the mount point.
        var root: String
        var point: String
        /// nil: version 2.
        var controllers: [Substring]?
    }

    private let root: String
    private let mounts: [Mount]
    /// By controller; version 2 under the empty name.
    private let paths: [Substring: String]

    /// - Parameter root: goes before every path: the root of another tree, for tests.
    package init(root: String = "") {
        self.root = root
        let found = Self.mounts(SystemFile.text("\(root)/proc/self/mountinfo") ?? "")
        mounts = found.isEmpty ? Self.usualMounts : found
        var paths: [Substring: String] = [:]
        for line in (SystemFile.text("\(root)/proc/self/cgroup") ?? "").split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            for controller in fields[1].split(separator: ",", omittingEmptySubsequences: false) { paths[controller] = String(fields[2]) }
        }
        self.paths = paths
    }

    /// The tightest CPU quota, in processors: 1.5 for one and a half. nil without one.
    package var processors: Limit<Double>? {
        let older = directories(of: "cpu").map { ["\($0)/cpu.cfs_quota_us", "\($0)/cpu.cfs_period_us"] }
        let unified = directories(of: nil).map { ["\($0)/cpu.max"] }
        return least(
            (older + unified).map { files in
                let numbers = files.flatMap { text($0).split { $0 == " " || $0 == "\n" } }
                // "max", or -1 in version 1: no quota.
                guard let limit = numbers.first.flatMap({ Int($0) }), limit > 0 else { return nil }
                let length = numbers.count > 1 ? Int(numbers[1]) ?? 0 : Self.usualPeriod
                return length > 0 ? Limit(value: Double(limit) / Double(length), file: files[0]) : nil
            })
    }

    /// The tightest limit on memory, in bytes; nil without one.
    package var memory: Limit<Int>? {
        let files = directories(of: "memory").map { "\($0)/memory.limit_in_bytes" } + directories(of: nil).map { "\($0)/memory.max" }
        return least(
            files.map { file in
                // Without a limit version 1 states the largest number that it can.
                guard let bytes = Int(text(file).prefix { ("0"..."9").contains($0) }), bytes < 1 << 50 else { return nil }
                return Limit(value: bytes, file: file)
            })
    }

    private func least<Value: Comparable>(_ limits: [Limit<Value>?]) -> Limit<Value>? {
        limits.compactMap { $0 }.min { $0.value < $1.value }
    }

    private func text(_ path: String) -> String { SystemFile.text(root + path) ?? "" }

    /// The directory of the process's group in every mount that shows it, and those of the groups around it.
    ///
    /// - Parameter controller: of version 1; nil: version 2.
    private func directories(of controller: Substring?) -> [String] {
        let mounts = mounts.filter { mount in
            guard let controller else { return mount.controllers == nil }
            return mount.controllers?.contains(controller) ?? false
        }
        let path = paths[controller ?? ""] ?? "/"
        let shown = mounts.compactMap { mount in Self.relative(path, to: mount.root).map { (mount, $0) } }
        // A process in a namespace of its own may be told a path that none of its mounts shows: then they begin at its group.
        let places = shown.isEmpty ? mounts.map { ($0, path) } : shown
        return places.flatMap { mount, path in
            var directories: [String] = []
            var parts = path.split(separator: "/")
            if parts.contains("..") { parts = [] }
            while true {
                directories.append(([Substring(mount.point == "/" ? "" : mount.point)] + parts).joined(separator: "/"))
                if parts.popLast() == nil { return directories }
            }
        }
    }

    /// A path below another; nil when it lies elsewhere.
    private static func relative(_ path: String, to root: String) -> String? {
        let (parts, roots) = (path.split(separator: "/"), root.split(separator: "/"))
        return parts.starts(with: roots) ? parts.dropFirst(roots.count).joined(separator: "/") : nil
    }

    private static func mounts(_ text: String) -> [Mount] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 6, let dash = fields[6...].firstIndex(of: "-"), fields.count > dash + 1 else { return nil }
            let (root, point) = (unescaped(fields[3]), unescaped(fields[4]))
            switch fields[dash + 1] {
            case "cgroup2": return Mount(root: root, point: point, controllers: nil)
            case "cgroup": return Mount(root: root, point: point, controllers: fields[(dash + 2)...].flatMap { $0.split(separator: ",") })
            default: return nil
            }
        }
    }

    /// Blanks and backslashes in paths are written as three octal digits.
    private static func unescaped(_ field: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(field.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3, let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 8) {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Where they are on all systems known, for when the list of mounts cannot be read.
    private static let usualMounts: [Mount] =
        ["cpu", "cpu,cpuacct", "cpuacct,cpu", "memory"].map {
            Mount(root: "/", point: "/sys/fs/cgroup/\($0)", controllers: $0.split(separator: ","))
        }
        + ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map { Mount(root: "/", point: $0, controllers: nil) }

    /// Microseconds, where version 2 states a quota alone.
    private static let usualPeriod = 100_000
}
