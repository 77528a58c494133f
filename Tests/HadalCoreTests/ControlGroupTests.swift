import Foundation
@testable import HadalCore
import TestSupport
import Testing

/// The trees that /proc and /sys show in each form, made of small files.
@Suite("Control groups")
struct ControlGroupTests {
    /// Files of a tree by their paths.
    struct Form: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var files: [String: String]
        var processors: Double?
        var file: String?
    }

    private static func mount(_ root: String, _ point: String, _ kind: String, _ options: String) -> String {
        "30 25 0:26 \(root) \(point) rw,nosuid,nodev,noexec,relatime shared:9 - \(kind) cgroup rw\(options.isEmpty ? "" : ",\(options)")\n"
    }
    private static let v2 = mount("/", "/sys/fs/cgroup", "cgroup2", "nsdelegate")
    private static let other = "24 25 0:22 / /proc rw,nosuid shared:13 - proc proc rw\n"

    static let forms: [Form] = [
        Form(
            testDescription: "version 2, in a namespace",
            files: ["proc/self/cgroup": "0::/\n", "proc/self/mountinfo": other + v2, "sys/fs/cgroup/cpu.max": "150000 100000\n"],
            processors: 1.5, file: "/sys/fs/cgroup/cpu.max"),
        Form(
            testDescription: "version 2, a service of systemd with CPUQuota=250%",
            files: [
                "proc/self/cgroup": "0::/system.slice/hadal.service\n", "proc/self/mountinfo": v2,
                "sys/fs/cgroup/system.slice/cpu.max": "max 100000\n", "sys/fs/cgroup/system.slice/hadal.service/cpu.max": "250000 100000\n",
            ], processors: 2.5, file: "/sys/fs/cgroup/system.slice/hadal.service/cpu.max"),
        Form(
            testDescription: "version 2, a group around it is tighter",
            files: [
                "proc/self/cgroup": "0::/a.slice/b.slice/c\n", "proc/self/mountinfo": v2,
                "sys/fs/cgroup/a.slice/cpu.max": "300000 100000\n",
                "sys/fs/cgroup/a.slice/b.slice/cpu.max": "100000 50000\n", "sys/fs/cgroup/a.slice/b.slice/c/cpu.max": "max 100000\n",
            ], processors: 2, file: "/sys/fs/cgroup/a.slice/b.slice/cpu.max"),
        Form(
            testDescription: "version 2, no quota",
            files: ["proc/self/cgroup": "0::/x\n", "proc/self/mountinfo": v2, "sys/fs/cgroup/x/cpu.max": "max 100000\n"], processors: nil,
            file: nil),
        Form(
            testDescription: "version 1, controller alone",
            files: [
                "proc/self/cgroup": "3:memory:/\n2:cpuacct:/\n1:cpu:/case\n0::/\n",
                "proc/self/mountinfo": mount("/", "/sys/fs/cgroup/cpu", "cgroup", "cpu")
                    + mount("/", "/sys/fs/cgroup/unified", "cgroup2", ""),
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/case/cpu.cfs_quota_us": "100000\n",
                "sys/fs/cgroup/cpu/case/cpu.cfs_period_us": "100000\n",
            ], processors: 1, file: "/sys/fs/cgroup/cpu/case/cpu.cfs_quota_us"),
        Form(
            testDescription: "version 1, cpu,cpuacct of a container, its group at the mount point",
            files: [
                "proc/self/cgroup": "4:cpu,cpuacct:/docker/0a1b\n1:name=systemd:/docker/0a1b\n",
                "proc/self/mountinfo": mount("/docker/0a1b", "/sys/fs/cgroup/cpu,cpuacct", "cgroup", "cpu,cpuacct"),
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "70000\n", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "20000\n",
            ], processors: 3.5, file: "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us"),
        Form(
            testDescription: "version 1, cpuacct,cpu, nested below the mount's group",
            files: [
                "proc/self/cgroup": "4:cpuacct,cpu:/pods/p1/inner\n",
                "proc/self/mountinfo": mount("/pods/p1", "/cg\\040v1/cpu", "cgroup", "cpuacct,cpu"),
                "cg v1/cpu/cpu.cfs_quota_us": "400000\n", "cg v1/cpu/cpu.cfs_period_us": "100000\n",
                "cg v1/cpu/inner/cpu.cfs_quota_us": "50000\n", "cg v1/cpu/inner/cpu.cfs_period_us": "100000\n",
            ], processors: 0.5, file: "/cg v1/cpu/inner/cpu.cfs_quota_us"),
        Form(
            testDescription: "hybrid: cpu in version 1, the rest in version 2",
            files: [
                "proc/self/cgroup": "5:cpu,cpuacct:/user.slice\n0::/user.slice/session\n",
                "proc/self/mountinfo": mount("/", "/sys/fs/cgroup/cpu,cpuacct", "cgroup", "cpu,cpuacct")
                    + mount("/", "/sys/fs/cgroup/unified", "cgroup2", ""),
                "sys/fs/cgroup/cpu,cpuacct/user.slice/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu,cpuacct/user.slice/cpu.cfs_period_us": "100000\n",
            ], processors: 2, file: "/sys/fs/cgroup/cpu,cpuacct/user.slice/cpu.cfs_quota_us"),
        Form(
            testDescription: "a path that no mount shows: the mount begins at the group",
            files: [
                "proc/self/cgroup": "0::/../../outside\n", "proc/self/mountinfo": mount("/kubepods/pod7", "/sys/fs/cgroup", "cgroup2", ""),
                "sys/fs/cgroup/cpu.max": "100000 100000\n",
            ], processors: 1, file: "/sys/fs/cgroup/cpu.max"),
        Form(
            testDescription: "another group's mount beside one's own",
            files: [
                "proc/self/cgroup": "0::/mine\n", "proc/self/mountinfo": mount("/theirs", "/mnt/theirs", "cgroup2", "") + v2,
                "mnt/theirs/cpu.max": "100000 100000\n", "sys/fs/cgroup/mine/cpu.max": "400000 100000\n",
            ], processors: 4, file: "/sys/fs/cgroup/mine/cpu.max"),
        Form(
            testDescription: "without a list of mounts",
            files: [
                "proc/self/cgroup": "2:cpu,cpuacct:/g\n", "sys/fs/cgroup/cpu,cpuacct/g/cpu.cfs_quota_us": "300000",
                "sys/fs/cgroup/cpu,cpuacct/g/cpu.cfs_period_us": "100000",
            ],
            processors: 3, file: "/sys/fs/cgroup/cpu,cpuacct/g/cpu.cfs_quota_us"),
        Form(
            testDescription: "nonsense",
            files: [
                "proc/self/cgroup": "::\n0\nx:cpu\n0::/x\n", "proc/self/mountinfo": "\n - \n1 2 3 4 5 6 - cgroup2\n" + v2,
                "sys/fs/cgroup/x/cpu.max": "100000 0\n", "sys/fs/cgroup/cpu.max": "many few\n",
            ], processors: nil, file: nil),
        Form(testDescription: "nothing at all", files: [:], processors: nil, file: nil),
    ]

    private func tree<Result>(_ files: [String: String], _ body: (ControlGroups) throws -> Result) throws -> Result {
        let root = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: root) }
        for (path, text) in files {
            let folder = ("\(root)/\(path)" as NSString).deletingLastPathComponent
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try text.write(toFile: "\(root)/\(path)", atomically: false, encoding: .utf8)
        }
        return try body(ControlGroups(root: root))
    }

    @Test("the tightest quota and its file", arguments: forms)
    func quota(_ form: Form) throws {
        let found = try tree(form.files) { $0.processors }
        #expect(found?.value == form.processors && found?.file == form.file)
    }

    @Test(
        "a fraction is rounded down, to one at least",
        arguments: [(8, nil, 8), (8, 2.9, 2), (2, 4, 2), (8, 0.25, 1), (1, 1e12, 1), (2, 2, 2)])
    func threads(_ cores: Int, _ quota: Double?, _ threads: Int) {
        #expect(Processors.usable(cores: cores, quota: quota) == threads)
    }

    @Test("memory limits of both versions")
    func memory() throws {
        let unified = try tree([
            "proc/self/cgroup": "0::/a/b\n", "proc/self/mountinfo": Self.v2, "sys/fs/cgroup/a/memory.max": "1073741824\n",
            "sys/fs/cgroup/a/b/memory.max": "max\n",
        ]) { $0.memory }
        #expect(unified == .init(value: 1 << 30, file: "/sys/fs/cgroup/a/memory.max"))
        let older = try tree([
            "proc/self/cgroup": "4:memory:/docker/x/in\n",
            "proc/self/mountinfo": Self.mount("/docker/x", "/sys/fs/cgroup/memory", "cgroup", "memory"),
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "2147483648\n",
            "sys/fs/cgroup/memory/in/memory.limit_in_bytes": "9223372036854771712\n",
        ]) { $0.memory }
        #expect(older == .init(value: 2 << 30, file: "/sys/fs/cgroup/memory/memory.limit_in_bytes"))
        #expect(try tree([:]) { $0.memory } == nil)
    }
}
