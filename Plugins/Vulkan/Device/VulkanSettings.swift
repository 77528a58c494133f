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
    ]

    init(_ options: [String: OptionValue]) {
        func text(_ name: String) -> String {
            if case .string(let value)? = options[name] { return value }
            return ""
        }
        kernelDirectories = text("kernels").split(separator: ":").map(String.init)
        let cache = text("kernel-cache")
        self.cache = cache == "none" ? nil : cache.isEmpty ? Self.defaultCache : cache
        tunedPath = text("tuned").isEmpty ? nil : text("tuned")
        disabledFeatures = Set(text("without").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
        if case .bool(let value)? = options["compile"] { compiles = value }
    }

    private static var defaultCache: String? {
        let environment = ProcessInfo.processInfo.environment
        if let base = environment["XDG_CACHE_HOME"], base.hasPrefix("/") { return "\(base)/hadal/kernels" }
        return environment["HOME"].map { "\($0)/.cache/hadal/kernels" }
    }

    /// - Throws: for a file that was named and cannot be read; the installation's own may be missing.
    func tuned(for device: String) throws -> TunedParameters {
        if let tunedPath { return try TunedParameters(path: tunedPath, device: device) }
        guard let installed = KernelFolders.installed else { return TunedParameters() }
        let path = "\(installed)/tuned/vulkan.json"
        return FileManager.default.fileExists(atPath: path) ? try TunedParameters(path: path, device: device) : TunedParameters()
    }
}
