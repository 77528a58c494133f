import Foundation
import HadalCore
import TestSupport
import Testing

/// The Vulkan backend as its users meet it.
@Suite("Vulkan")
struct VulkanTests {
    static let hasDevice: Bool = {
        guard let run = try? CommandRun(["backends", "--json"]), let root = try? JSONDocument(parsing: run.out, file: "stdout").root else {
            return false
        }
        let vulkan = root["backends"]?.array?.first { $0["name"]?.string == "vulkan" }
        return !(vulkan?["devices"]?.array ?? []).isEmpty
    }()
    static let hasValidation = FileManager.default.fileExists(atPath: "/usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json")
    private static let model = Fixtures.path("models/llama")

    @Test(
        "validation layers have nothing to say", .enabled(if: hasDevice && hasValidation, "needs a Vulkan device and the validation layers")
    )
    func validation() throws {
        let layers = ["VK_INSTANCE_LAYERS": "VK_LAYER_KHRONOS_validation", "VK_LOADER_DEBUG": "layer"]
        let cases = try CommandRun(
            ["kernels", "test", "--backend", "vulkan", "--quick", "add", "rms_norm", "attention", "split"], environment: layers)
        #expect(cases.status == 0, "\(cases.out)")
        let ids = try CommandRun(["generate-ids", Self.model, "--tokens", "3,5,7", "-n", "4", "--backend", "vulkan"], environment: layers)
        #expect(ids.status == 0, "\(ids.error)")
        for text in [cases.out, cases.error, ids.out, ids.error] {
            #expect(!text.contains("VUID") && !text.contains("Validation Error"), "\(text)")
        }
        #expect(ids.error.contains("VK_LAYER_KHRONOS_validation"), "the layer was not loaded: \(ids.error)")
    }

    @Test("answers as cpu does", .enabled(if: hasDevice, "needs a Vulkan device"))
    func answers() throws {
        let arguments = ["generate-ids", Self.model, "--tokens", "3,5,7,11", "-n", "12"]
        let (cpu, vulkan) = (try CommandRun(arguments), try CommandRun(arguments + ["--backend", "vulkan:0"]))
        #expect(vulkan.status == 0 && vulkan.out == cpu.out, "\(vulkan.out) \(vulkan.error)")
        let both = try CommandRun(arguments + ["--place", "attention=vulkan,rest=cpu"])
        #expect(both.status == 0 && both.out == cpu.out, "\(both.out) \(both.error)")
    }

    @Test("no driver, no such device: said, and other backends go on", .enabled(if: hasDevice, "needs the Vulkan loader"))
    func absent() throws {
        let none = ["VK_ICD_FILENAMES": "/nonexistent.json", "VK_DRIVER_FILES": "/nonexistent.json"]
        let arguments = ["generate-ids", Self.model, "--tokens", "3,5,7", "-n", "2"]
        let refused = try CommandRun(arguments + ["--backend", "vulkan"], environment: none)
        #expect(refused.status == 1 && refused.error.contains("vulkan") && refused.error.contains("device"), "\(refused.error)")
        #expect(try CommandRun(arguments + ["--backend", "cpu"], environment: none).status == 0)
        let wrong = try CommandRun(arguments + ["--backend", "vulkan:nothing-like-it"])
        #expect(wrong.status == 1 && wrong.error.contains("has no device 'nothing-like-it'"), "\(wrong.error)")
    }
}
