import Foundation
import HadalBackend
import HadalConformance
import HadalCore
import HadalGraph
import HadalVulkan
import TestSupport
import Testing

/// A fault in one form of a kernel never passes for a right one: what `hadal kernels test` runs, at the case of the contract that shows it.
@Suite("Broken forms of Vulkan kernels", .serialized, .enabled(if: VulkanTestDevice.isHere, Comment(rawValue: VulkanTestDevice.absence)))
struct BrokenFormTests {
    struct Fault: Sendable, CustomTestStringConvertible {
        var name: String
        var op: String
        /// Of the op's folder, or a shared file beside it.
        var file = "vulkan.comp"
        var from: String
        var to: String
        var id: String
        var kinds: Set<ConformanceReport.Failure.Kind> = [.mismatch]
        /// Whether a device that runs subgroups in order shows it only when they are numbered backward.
        var isRace = false
        var testDescription: String { "\(op): \(name)" }
    }

    private static let attend = "../glsl/attend.glsl"
    private static let endOfSegment =
        "        }\n        barrier();\n    }\n    [[unroll]] for (uint r = 0; r < ROWS; r++) {\n        [[unroll]] for (uint t = 0; t < TOKENS; t++) {\n            float sum = subgroupAdd"

    static let faults = [
        Fault(
            name: "integer form, missing barrier", op: "linear", from: endOfSegment,
            to: endOfSegment.replacingOccurrences(of: "barrier();", with: ""),
            id: "linear/8.6", kinds: [.mismatch, .unrepeatable], isRace: true),
        Fault(
            name: "integer form, off by one", op: "linear", from: "i < SUBGROUPS; i++) sum += partial",
            to: "i + 1 < SUBGROUPS; i++) sum += partial",
            id: "linear/8.7"),
        Fault(
            name: "split, wrong stride", op: "attention", file: attend, from: "head + i / KEY_QUADS,", to: "head + i / (KEY_QUADS + 1),",
            id: "attention/3.3"),
        Fault(
            name: "split, missing barrier", op: "attention", file: attend,
            from: "put(token, head + h, part, me, all, factor);\n        }\n        barrier();",
            to: "put(token, head + h, part, me, all, factor);\n        }", id: "attention/3.3", kinds: [.mismatch, .unrepeatable],
            isRace: true),
        Fault(
            name: "combine, write past the output", op: "attention", file: attend,
            from: "i < VALUE_WIDTH; i += THREADS) {\n        float sum",
            to: "i < VALUE_WIDTH + 1; i += THREADS) {\n        float sum", id: "attention/3.3", kinds: [.overwritten, .mismatch]),
        Fault(
            name: "tiles, not a number", op: "attention", file: attend,
            from: "if (column < VALUE_WIDTH) result_put(r / GROUP, key_head * GROUP + r % GROUP, column, ",
            to:
                "if (column < VALUE_WIDTH) result_put(r / GROUP, key_head * GROUP + r % GROUP, column, column == 5 ? sqrt(-1.0 - float(r)) : ",
            id: "attention/3.23"),
        Fault(
            name: "tiles, off by one", op: "attention", file: attend, from: "position_of(next - 1) + 1;", to: "position_of(next - 1);",
            id: "attention/3.23"),
        Fault(name: "sorted tiles, wrong stride", op: "experts", from: "/ K * D +", to: "/ K * (D - 1) +", id: "experts/5.54"),
    ]

    private static func failures(_ id: String, _ options: [String: OptionValue]) throws -> [ConformanceReport.Failure] {
        var kit = try VulkanTestDevice.kit(cases: 1)
        kit.options.seed = 1
        kit.options.only = id
        let device = try VulkanTestDevice.open(options)
        defer { device.quiesce() }
        return try kit.check(device, capabilities: VulkanTestDevice.backend.capabilities).flatMap(\.failures)
    }

    @Test("are caught", arguments: faults) func isCaught(_ fault: Fault) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try VulkanTestDevice.copy(of: fault.op, to: folder)
        try VulkanTestDevice.copySharedFiles(to: folder)
        try VulkanTestDevice.edit("\(folder)/\(fault.op)/\(fault.file)") { text in
            #expect(text.contains(fault.from), "the kernel of \(fault.op) no longer has the line that is broken here")
            text = text.replacingOccurrences(of: fault.from, with: fault.to)
        }
        var failures = try Self.failures(fault.id, ["kernels": .string(folder)])
        if fault.isRace, failures.isEmpty {
            failures = try Self.failures(fault.id, ["kernels": .string(folder), "order": .string("backward")])
        }
        #expect(failures.contains { fault.kinds.contains($0.kind) }, "\(failures.map { "\($0.kind) \($0.message)" })")
    }

    @Test(
        "Right kernels give the same results with their invocations numbered backward",
        arguments: ["linear/8.6", "attention/3.3", "router/0.0", "experts/5.54"])
    func backward(_ id: String) throws {
        #expect(try Self.failures(id, ["order": .string("backward")]).map(\.message) == [])
    }

    /// Nothing is run twice for kernels whose invocations have nothing to do with each other.
    @Test func orderIsNoMatterToElementwiseKernels() throws {
        let device = try VulkanTestDevice.open(["order": .string("backward")])
        let report = try VulkanTestDevice.kit(ops: ["add"], cases: 1).check(device, capabilities: VulkanTestDevice.backend.capabilities)
        #expect(report.first?.status == .unsupported)
    }

    @Test func aDeviceWithoutWhatKernelsNeedIsRefused() throws {
        for feature in ["address", "timeline", "subgroup-arithmetic"] {
            let error = expectError(.unsupported) { try VulkanTestDevice.open(["without": .string(feature)]) }
            #expect(error?.hint?.description.contains(feature) == true)
        }
    }
}
