import Foundation
import HadalBackend
import HadalConformance
import HadalCore
import HadalGraph
import HadalVulkan
import TestSupport
import Testing

/// Which form of a kernel a device runs, and what it is measured by.
@Suite("Forms of Vulkan kernels", .serialized, .enabled(if: VulkanTestDevice.isHere, Comment(rawValue: VulkanTestDevice.absence)))
struct KernelFormTests {
    private static let hasDots = Set(VulkanTestDevice.info?.features ?? []).isSuperset(of: ["integer-dot", "fixed-subgroup"])

    /// A fault in that form alone shows, unless the form is ruled out.
    @Test(.enabled(if: hasDots, "no integer dot products on this device")) func fewTokensAreMultipliedInWholeNumbers() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let line = "uint lane = gl_SubgroupInvocationID +"
        try VulkanTestDevice.copy(of: "linear", to: folder) { text in
            #expect(text.components(separatedBy: line).count == 2)
            text = text.replacingOccurrences(of: line, with: "uint lane = 1 + gl_SubgroupInvocationID +")
        }
        let kit = try VulkanTestDevice.kit(ops: ["linear"], cases: 10)
        func failures(_ options: [String: OptionValue]) throws -> [String] {
            let device = try VulkanTestDevice.open(["kernels": .string(folder)].merging(options) { $1 })
            return try kit.check(device, capabilities: VulkanTestDevice.backend.capabilities).flatMap(\.failures).map(\.message)
        }
        #expect(try failures([:]).isEmpty == false)
        #expect(try failures(["without": .string("integer-dot")]) == [])
    }

    @Test func ratesAreMeasured() throws {
        let rates = try #require(try VulkanTestDevice.open(["without": .string("cooperative-matrix")]).measureRates(seconds: 0.05))
        #expect(rates.float32.isFinite && rates.float32 > 1e6)
        #expect(rates.float16Matrix == nil)
        let ceilings = try #require(try KernelCeilings.measured(on: VulkanTestDevice.open(), seconds: 0.05))
        #expect(ceilings.bytesPerSecond > 1e6 && ceilings.floatOperations ?? 0 > 1e6)
    }
}
