import Foundation
import HadalBackend
import HadalCore

/// The backend's options, as they are published and as a device is opened with them.
struct VulkanSettings {
    var kernelDirectories: [String] = []
    /// Where compiled kernels are kept; nil: nowhere.
    var cache: String?
    var tunedPath: String?
    /// Where the user's own tuned parameters are; nil: nowhere.
    var tunedDirectory: String? = ContentCache.standardDirectory("tuned")
    private var usesTuned = true
    var disabledFeatures: Set<String> = []
    var compiles = true
    var spirvOutput: String?
    var order = InvocationOrder.together

    /// Every name that `without` may list, as `hadal backends` shows them.
    static let knownFeatures = [
        "address", "timeline", "fp16", "int8", "storage16", "storage8", "integer-dot", "cooperative-matrix", "subgroup-arithmetic",
        "fixed-subgroup",
    ]

    static let specs: [OptionSpec] = [
        OptionSpec(
            .kernels, defaultValue: .string(""),
            help: "directories of op folders, separated by colons, that override the installation's kernels"),
        OptionSpec(
            .kernelCache, defaultValue: .string(""),
            help: "directory for compiled kernels; default: hadal/kernels in the user's cache directory; 'none': keep none"),
        OptionSpec(
            .tuned, defaultValue: .string(""),
            help:
                "file of tuned parameters; default: hadal/tuned/vulkan.json in the user's cache directory, then the installation's; 'none': the contracts' defaults"
        ),
        OptionSpec(
            name: "without", kind: .string, defaultValue: .string(""),
            help: "device features not to use, separated by commas: \(knownFeatures.joined(separator: ", "))"),
        OptionSpec(
            name: "compile", kind: .bool, defaultValue: .bool(true),
            help: "compile kernels that the installation does not ship compiled, with shaderc"),
        OptionSpec(
            name: "spirv-output", kind: .string, defaultValue: .string(""),
            help: "directory to write the SPIR-V of every kernel in use to, as an installation ships it in kernels/spirv"),
        OptionSpec(
            .order, defaultValue: .string(InvocationOrder.together.rawValue),
            choices: InvocationOrder.allCases.map(\.rawValue),
            help:
                "order of a kernel's invocations: together, as the device numbers them, or backward, with NaN in unwritten memory. Backward reveals kernels that depend on the order"
        ),
    ]

    /// - Throws: `invalidArgument` for a feature that there is none of.
    init(_ options: [String: OptionValue]) throws {
        func text(_ name: String) -> String {
            if case .string(let value)? = options[name] { return value }
            return ""
        }
        kernelDirectories = text(WellKnownOption.kernels.name).split(separator: ":").map(String.init)
        let cache = text(WellKnownOption.kernelCache.name)
        self.cache = cache == "none" ? nil : cache.isEmpty ? ContentCache.standardDirectory("kernels") : cache
        usesTuned = text(WellKnownOption.tuned.name) != "none"
        tunedPath = text(WellKnownOption.tuned.name).isEmpty || !usesTuned ? nil : text(WellKnownOption.tuned.name)
        disabledFeatures = Set(text("without").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty })
        if let unknown = disabledFeatures.subtracting(Self.knownFeatures).sorted().first {
            throw HadalError(
                .invalidArgument, "option 'without': there is no device feature '\(unknown)'",
                hint: "features: \(Self.knownFeatures.joined(separator: ", "))")
        }
        spirvOutput = text("spirv-output").isEmpty ? nil : text("spirv-output")
        if case .bool(let value)? = options["compile"] { compiles = value }
        order = InvocationOrder(rawValue: text(WellKnownOption.order.name)) ?? .together
    }

    /// Those of the first directory that has any, else the installation's.
    func quirks() throws -> DriverQuirks {
        let paths = (kernelDirectories + [KernelFolders.installed].compactMap { $0 }).map { "\($0)/quirks/vulkan.json" }
        guard let path = paths.first(where: { FileManager.default.fileExists(atPath: $0) }) else { return DriverQuirks() }
        return try DriverQuirks(path: path)
    }

    /// Those of the file that was named; else the user's own, then the installation's, op by op.
    ///
    /// - Throws: for a file that was named and cannot be read. Of the others one may be missing, and one that cannot be read is passed over.
    func tuned(for device: String, log: LogSink) throws -> TunedParameters {
        func read(_ path: String) throws -> TunedParameters {
            let tuned = try TunedParameters(path: path, device: device)
            if !tuned.values.isEmpty {
                log.write(.info, "tuned parameters of \(tuned.values.keys.sorted().joined(separator: ", ")) from \(path)")
            }
            return tuned
        }
        guard usesTuned else { return TunedParameters() }
        if let tunedPath { return try read(tunedPath) }
        var tuned = TunedParameters()
        for path in [KernelFolders.installed.map { "\($0)/tuned/vulkan.json" }, tunedDirectory.map { "\($0)/vulkan.json" }].compactMap({
            $0
        })
        where FileManager.default.fileExists(atPath: path) {
            do { tuned.replace(with: try read(path)) } catch let error as HadalError {
                log.write(.warning, "tuned parameters are ignored: \(error)")
            }
        }
        return tuned
    }
}
