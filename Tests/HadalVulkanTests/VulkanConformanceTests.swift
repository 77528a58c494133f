import HadalBackend
import HadalConformance
import HadalCore
import HadalGraph
import HadalVulkan
import Testing

/// Every op at the shapes of its contract, against the reference backend.
@Suite(.enabled(if: VulkanTestDevice.isHere, "no Vulkan device on this machine"), .serialized)
struct VulkanConformanceTests {
    private func check(_ kit: ConformanceKit, _ options: [String: OptionValue] = [:]) throws {
        let device = try VulkanTestDevice.open(options)
        defer { device.quiesce() }
        for op in try kit.check(device, capabilities: VulkanTestDevice.backend.capabilities) {
            #expect(op.status == .pass, "\(op.name)")
            for failure in op.failures {
                Issue.record(
                    "\(op.name) [\(failure.id)] \(failure.kind) \(failure.summary): \(failure.operand)\(failure.index) is \(failure.got ?? .nan), not \(failure.expected ?? .nan); \(failure.message)"
                )
            }
        }
    }

    @Test func everyOpMatchesTheReference() throws { try check(try VulkanTestDevice.kit(cases: 10)) }

    @Test func cachesInBlocksMatchTheReference() throws {
        var kit = try VulkanTestDevice.kit(ops: ["attention", "latent_attention", "indexer"], cases: 20)
        kit.options.stateDType = .q8_0
        try check(kit)
    }

    @Test func theBoundaryHolds() throws {
        let report = try VulkanTestDevice.kit(ops: ["add"], cases: 1).check(VulkanTestDevice.backend)
        for check in report.checks where check.status == .fail { Issue.record("\(check.name): \(check.detail)") }
        #expect(report.passed)
    }

    /// With every feature that a device may lack turned off.
    @Test func plainFormsMatchTheReference() throws {
        let features = VulkanTestDevice.optionalFeatures.joined(separator: ",")
        try check(try VulkanTestDevice.kit(ops: ["linear", "attention"], cases: 8), ["without": .string(features)])
    }
}
