import Foundation
import HadalBackend
import HadalConformance
import HadalCore
import HadalGraph
import HadalReference
import HadalVulkan
import TestSupport

/// The first Vulkan device of this machine; a software device will do.
enum VulkanTestDevice {
    static let backend = VulkanBackend()
    /// nil: Vulkan tests skip.
    static let info: DeviceInfo? = (try? backend.devices())?.first
    static let isHere = info != nil
    /// What kernels can do without.
    static let optionalFeatures = (info?.features ?? []).filter { !["address", "timeline", "subgroup-arithmetic"].contains($0) }
    static let absence: String = "no Vulkan device on this machine"
    static let catalogue = Result { try OpCatalogue.load() }

    static func open(_ options: [String: OptionValue] = [:], log: LogSink = .silent) throws -> any Device {
        try backend.open(device: 0, options: options, log: log)
    }

    /// - Parameter cases: of each op, from every entry of its contract in turn. A software device takes a tenth of a second for each.
    static func kit(ops: Set<String> = [], cases: Int) throws -> ConformanceKit {
        let reference = try ReferenceBackend().open(device: 0, options: [:], log: .silent)
        var kit = ConformanceKit(catalogue: try catalogue.get(), reference: reference, options: .init(seed: 20_251, casesPerOp: cases))
        kit.options.ops = ops
        kit.options.quickCases = cases
        return kit
    }

    /// A copy of this installation's folder of an op in a directory of its own.
    static func copy(of op: String, to directory: String, _ change: (inout String) -> Void = { _ in }) throws {
        let folder = try catalogue.get().contract(for: op).folder
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: folder, toPath: "\(directory)/\(op)")
        try edit("\(directory)/\(op)/vulkan.comp", change)
    }

    /// A copy of the shared files in a directory of op folders.
    static func copySharedFiles(to directory: String) throws {
        let kernels = try catalogue.get().contract(for: "add").kernelDirectory
        try FileManager.default.copyItem(atPath: "\(kernels)/glsl", toPath: "\(directory)/glsl")
    }

    static func edit(_ path: String, _ change: (inout String) -> Void) throws {
        var text = try String(contentsOfFile: path, encoding: .utf8)
        change(&text)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }
}
