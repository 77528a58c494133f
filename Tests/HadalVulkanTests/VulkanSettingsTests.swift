import Foundation
import HadalBackend
import HadalCore
import HadalGraph
import TestSupport
import Testing

@testable import HadalVulkan

@Suite struct VulkanSettingsTests {
    @Test func unknownFeaturesAreNamed() throws {
        let error = expectError(.invalidArgument, "'nonsense'") { try VulkanSettings(["without": .string("fp16, nonsense")]) }
        for feature in VulkanSettings.knownFeatures { #expect(error?.hint?.description.contains(feature) == true) }
        #expect(try VulkanSettings(["without": .string(" fp16,integer-dot ,")]).disabledFeatures == ["fp16", "integer-dot"])
        #expect(try VulkanSettings([:]).disabledFeatures.isEmpty)
    }

    @Test func tunedParametersOfEarlierVersionsAreRead() throws {
        let tuned = try TunedParameters(path: Fixtures.path("compatibility/tuned-vulkan.json"), device: "6d65736132322e332e36000000000000")
        #expect(tuned.values["linear"]?["one.dot"]?["SEGMENT"] == 4096)
        let linear = try OpCatalogue.load().contract(for: "linear")
        let form = try #require(linear.stages.flatMap(\.forms).first { $0.name == "one" && $0.variant == "dot" })
        #expect(tuned.parameters(of: form, op: "linear") == ["ROWS": 4, "SEGMENT": 4096, "SUBGROUPS": 4, "TOKENS": 1, "WIDE": 2048])
    }

    @Test func whatIsNamedElsewhereIsKnown() throws {
        let quirks = try DriverQuirks(path: try #require(KernelFolders.installed) + "/quirks/vulkan.json").quirks
        #expect(Set(quirks.flatMap(\.disabled)).isSubset(of: VulkanSettings.knownFeatures))
        let forms = try OpCatalogue.load().contracts.values.flatMap(\.stages).flatMap(\.forms)
        #expect(Set(forms.flatMap(\.features)).isSubset(of: VulkanSettings.knownFeatures))
        if let info = VulkanTestDevice.info { #expect(Set(info.features).isSubset(of: VulkanSettings.knownFeatures)) }
    }

    @Test(.enabled(if: VulkanTestDevice.isHere, "no Vulkan device on this machine"))
    func anOpenedDeviceHasOnlyWhatMayBeUsed() throws {
        let device = try VulkanTestDevice.open(["without": .string("integer-dot,fp16")])
        #expect(!device.info.features.contains("fp16") && !device.info.features.contains("integer-dot"))
        #expect(Set(device.info.features) == Set(VulkanTestDevice.info?.features ?? []).subtracting(["fp16", "integer-dot"]))
    }

    /// The user's own file comes before the installation's; a named one is the only one, and must be there.
    @Test func tunedParametersOfTheUserAreFound() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func write(_ text: String, _ name: String) throws { try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8) }
        try write(
            #"{"d": {"linear": {"one": {"ROWS": 2}, "one.dot": {"ROWS": 8}}, "add": {}}, "e": {"linear": {"one": {"ROWS": 1}}}}"#,
            "vulkan.json")
        try write(#"{"d": {"linear": {"one": {"ROWS": 1}}}}"#, "named.json")
        func values(_ named: String, device: String = "d") throws -> [String: [String: [String: Int]]] {
            var settings = try VulkanSettings(["tuned": .string(named)])
            settings.tunedDirectory = folder
            return try settings.tuned(for: device, log: .silent).values
        }
        #expect(try values("")["linear"] == ["one": ["ROWS": 2], "one.dot": ["ROWS": 8]])
        // An op without values has the usual ones, whatever the installation's are.
        #expect(try values("")["add"] == [:])
        #expect(try values("", device: "e")["linear"] == ["one": ["ROWS": 1]])
        #expect(try values("\(folder)/named.json") == ["linear": ["one": ["ROWS": 1]]])
        #expect(try values("none").isEmpty)
        expectError(.notFound, "\(folder)/missing.json") { try values("\(folder)/missing.json") }
        try write("{", "vulkan.json")
        #expect(try values("")["linear"]?["one"] != ["ROWS": 2])
        expectError(.malformed, "\(folder)/vulkan.json:1:") { try values("\(folder)/vulkan.json") }
    }

    /// Two stages may have variants of one name.
    @Test func formsAreTunedByStageAndVariant() throws {
        let contract = try OpCatalogue.load().contract(for: "linear")
        let forms = contract.stages.flatMap(\.forms).filter { $0.parameters.contains { $0.values.count > 1 } }
        let names = forms.map { form in form.variant.map { "\(form.name).\($0)" } ?? form.name }
        #expect(Set(names).count == names.count && names.count > 1)
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for (form, name) in zip(forms, names) {
            let parameter = try #require(form.parameters.first { $0.values.count > 1 })
            try #"{"d": {"linear": {"\#(name)": {"\#(parameter.name)": \#(parameter.values[1])}}}}"#
                .write(toFile: "\(folder)/t.json", atomically: true, encoding: .utf8)
            let tuned = try TunedParameters(path: "\(folder)/t.json", device: "d")
            for other in forms {
                let isOwn = other.name == form.name && other.variant == form.variant
                let usual = Dictionary(other.parameters.map { ($0.name, $0.values[0]) }, uniquingKeysWith: { first, _ in first })
                #expect((tuned.parameters(of: other, op: "linear") != usual) == isOwn)
            }
        }
    }
}
