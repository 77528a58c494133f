import Foundation
import HadalBackend
import HadalConformance
import HadalCore
import HadalGraph
import HadalReference
import HadalVulkan
import TestSupport
import Testing

/// Compiled kernels are kept by their content, and never trusted when damaged.
@Suite(.enabled(if: VulkanTestDevice.isHere, "no Vulkan device on this machine"), .serialized)
struct KernelCacheTests {
    private func check(_ options: [String: OptionValue]) throws -> [ConformanceReport.Op] {
        let device = try VulkanTestDevice.open(options)
        defer { device.quiesce() }
        return try VulkanTestDevice.kit(ops: ["add"], cases: 2).check(device, capabilities: VulkanTestDevice.backend.capabilities)
    }

    private func entries(_ folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/vulkan")) ?? []).filter { $0.hasSuffix(".spv") }
    }

    @Test func aDamagedEntryIsMadeAnew() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let options: [String: OptionValue] = ["kernel-cache": .string(folder)]
        #expect(try check(options).allSatisfy { $0.status == .pass })
        let path = "\(folder)/vulkan/\(try #require(entries(folder).first))"
        let good = try #require(FileManager.default.contents(atPath: path))
        for damage in [Data(good.prefix(good.count / 2)), Data(), good.prefix(60) + Data(repeating: 0x5A, count: 8) + good.dropFirst(68)] {
            try damage.write(to: URL(fileURLWithPath: path))
            #expect(try check(options).allSatisfy { $0.status == .pass })
            #expect(FileManager.default.contents(atPath: path) == good)
        }
    }

    @Test func aChangedKernelIsAnotherEntry() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try check(["kernel-cache": .string(folder)])
        let before = entries(folder).count
        try VulkanTestDevice.copy(of: "add", to: "\(folder)/kernels") { $0 += "\n// changed\n" }
        let options: [String: OptionValue] = ["kernel-cache": .string(folder), "kernels": .string("\(folder)/kernels")]
        #expect(try check(options).allSatisfy { $0.status == .pass })
        #expect(before > 0 && entries(folder).count == 2 * before)
    }

    /// What an installation ships is enough where there is no compiler.
    @Test func shippedFormsServeWithoutACompiler() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try VulkanTestDevice.copy(of: "add", to: "\(folder)/kernels")
        let kernels: [String: OptionValue] = ["kernels": .string("\(folder)/kernels"), "kernel-cache": .string("none")]
        let without = kernels.merging(["compile": .bool(false)]) { $1 }
        let refused = try check(without)
        #expect(refused.flatMap(\.failures).contains { $0.message.contains("no shader compiler") })
        _ = try check(kernels.merging(["spirv-output": .string("\(folder)/kernels/spirv")]) { $1 })
        #expect(try check(without).allSatisfy { $0.status == .pass })
    }

    /// The key of an entry and its form are those of the version that wrote the fixture.
    @Test func entriesOfEarlierVersionsServe() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(atPath: Fixtures.path("kernels"), toPath: "\(folder)/kernels")
        let reference = try ReferenceBackend().open(device: 0, options: ["kernels": .string("\(folder)/kernels")], log: .silent)
        let catalogue = try OpCatalogue.load(adding: ["\(folder)/kernels"])
        let kit = ConformanceKit(catalogue: catalogue, reference: reference, options: .init(seed: 3, casesPerOp: 2, ops: ["relu2_gate"]))
        func passes() throws -> Bool {
            let device = try VulkanTestDevice.open([
                "kernels": .string("\(folder)/kernels"), "kernel-cache": .string("none"), "compile": .bool(false),
            ])
            defer { device.quiesce() }
            let report = try kit.check(device, capabilities: VulkanTestDevice.backend.capabilities)
            return !report.isEmpty && report.allSatisfy { $0.status == .pass }
        }
        #expect(try !passes())
        try FileManager.default.copyItem(atPath: Fixtures.path("compatibility/spirv"), toPath: "\(folder)/kernels/spirv")
        #expect(try passes())
    }

    @Test func aKernelThatDoesNotCompileIsAnErrorWithItsLine() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try VulkanTestDevice.copy(of: "add", to: folder) { $0 = "// one\n// two\nvoid main() { nonsense(); }\n" }
        let report = try check(["kernels": .string(folder), "kernel-cache": .string("none")])
        let message = report.flatMap(\.failures).first?.message ?? ""
        #expect(message.contains("vulkan.comp:3"), "\(message)")
        #expect(message.contains("nonsense"), "\(message)")
    }
}
