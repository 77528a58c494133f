import Foundation
import HadalBackend
import HadalConformance
import HadalCore
import HadalGraph
import HadalVulkan
import TestSupport
import Testing

/// A kernel with a fault never passes for a right one.
@Suite(.enabled(if: VulkanTestDevice.isHere, "no Vulkan device on this machine"), .serialized)
struct BrokenKernelTests {
    struct Fault: Sendable, CustomTestStringConvertible {
        var name: String
        var op: String
        var from: String
        var to: String
        var kinds: Set<ConformanceReport.Failure.Kind>
        var testDescription: String { name }
    }

    static let faults = [
        Fault(
            name: "off by one", op: "rms_norm", from: "x_at(first + k) * factor", to: "x_at(first + min(k + 1, width - 1)) * factor",
            kinds: [.mismatch]),
        Fault(name: "missing barrier", op: "layer_norm", from: "hadal_sum(", to: "broken_sum(", kinds: [.mismatch, .unrepeatable]),
        Fault(name: "wrong stride", op: "glu", from: "row * D + column", to: "row * (D - 1) + column", kinds: [.mismatch, .overwritten]),
        Fault(
            name: "not a number", op: "add", from: "y_put(i, ", to: "y_put(i, (i == 3 ? sqrt(-1.0 - float(i)) : 0.0) + ", kinds: [.mismatch]
        ),
        Fault(name: "write past the output", op: "scale", from: "y_put(i, ", to: "y_put(i + 1, ", kinds: [.overwritten, .mismatch]),
    ]

    @Test(arguments: faults) func isCaught(_ fault: Fault) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try VulkanTestDevice.copy(of: fault.op, to: folder) { text in
            #expect(text.contains(fault.from), "the kernel of \(fault.op) no longer has the line that is broken here")
            text = text.replacingOccurrences(of: fault.from, with: fault.to)
            if fault.name == "missing barrier" {
                text = """
                    shared float broken_parts[THREADS];
                    float broken_sum(float value) {
                        broken_parts[gl_LocalInvocationIndex] = value;
                        float total = 0.0;
                        for (uint i = 0; i < THREADS; i++) total += broken_parts[i];
                        barrier();
                        return total;
                    }

                    """ + text
            }
        }
        let device = try VulkanTestDevice.open(["kernels": .string(folder), "kernel-cache": .string("none")])
        defer { device.quiesce() }
        let report = try VulkanTestDevice.kit(ops: [fault.op], cases: 6).check(device, capabilities: VulkanTestDevice.backend.capabilities)
        let failures = report.flatMap(\.failures)
        #expect(failures.contains { fault.kinds.contains($0.kind) }, "\(failures.map { "\($0.kind) \($0.message)" })")
    }
}
