import Foundation
import HadalBackend
import HadalCore

/// The backend's options, as they are published and as a device is opened with them.
struct VulkanSettings {
    var kernelDirectories: [String] = []
    /// Where compiled kernels are kept; nil: nowhere.
    var cache: String?
    var tunedPath: String?
    var disabledFeatures: Set<String> = []
    var compiles = true
    var spirvOutput: String?

    static let specs: [OptionSpec] = [
        OptionSpec(
            name: "kernels", kind: .string, defaultValue: .string(""),
            help: "directories of op folders, separated by colons, whose kernels come before the installation's own"),
        OptionSpec(
            name: "kernel-cache", kind: .string, defaultValue: .string(""),
            help: "where compiled kernels are kept; by default hadal/kernels in the user's cache directory, 'none' for nowhere"),
        OptionSpec(
            name: "tuned", kind: .string, defaultValue: .string(""),
            help: "a file of tuned parameters; by default the installation's for this device"),
        OptionSpec(
            name: "without", kind: .string, defaultValue: .string(""),
            help: "device features not to use, separated by commas: fp16, int8, integer-dot, cooperative-matrix, …"),
        OptionSpec(
            name: "compile", kind: .bool, defaultValue: .bool(true),
            help: "compile kernels that the installation has no compiled form of, with shaderc"),
        OptionSpec(
            name: "spirv-output", kind: .string, defaultValue: .string(""),
            help: "a directory for the compiled form of every kernel in use, as an installation ships them in kernels/spirv"),
    ]

    init(_ options: [String: OptionValue]) {
        func text(_ name: String) -> String {
            if case .string(let value)? = options[name] { return value }
            return ""
        }
        kernelDirectories = text("kernels").split(separator: ":").map(String.init)
        let cache = text("kernel-cache")
        self.cache = cache == "none" ? nil : cache.isEmpty ? ContentCache.standardDirectory("kernels") : cache
        tunedPath = text("tuned").isEmpty ? nil : text("tuned")
        disabledFeatures = Set(text("without").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
        spirvOutput = text("spirv-output").isEmpty ? nil : text("spirv-output")
        if case .bool(let value)? = options["compile"] { compiles = value }
    }

    /// Those of the first directory that has any, else the installation's.
    func quirks() throws -> DriverQuirks {
        let paths = (kernelDirectories + [KernelFolders.installed].compactMap { $0 }).map { "\($0)/quirks/vulkan.json" }
        guard let path = paths.first(where: { FileManager.default.fileExists(atPath: $0) }) else { return DriverQuirks() }
        return try DriverQuirks(path: path)
    }

    /// - Throws: for a file that was named and cannot be read; the installation's own may be missing.
    func tuned(for device: String) throws -> TunedParameters {
        if let tunedPath { return try TunedParameters(path: tunedPath, device: device) }
        guard let installed = KernelFolders.installed else { return TunedParameters() }
        let path = "\(installed)/tuned/vulkan.json"
        return FileManager.default.fileExists(atPath: path) ? try TunedParameters(path: path, device: device) : TunedParameters()
    }
}
