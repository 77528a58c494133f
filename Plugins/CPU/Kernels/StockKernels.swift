import CHadalKernels
import Foundation
import HadalCore
import HadalGraph
import HadalKernelFiles

/// The kernels that are built into this backend, and the sources that they were built from.
enum StockKernels {
    typealias Kernel = UnsafePointer<hadal_kernel>

    /// Each op's kernels by name: what `hadal_kernel_<name>` gives. A kernel is of the op with its name, or of the one whose name followed by an
    /// underscore begins it: `attention_append` is of `attention`.
    nonisolated(unsafe) static let byOp: [String: [String: Kernel]] = {
        var count: UInt64 = 0
        guard let first = hadal_stock_kernels(&count), let contracts = try? OpCatalogue.installed().contracts else { return [:] }
        var kernels: [String: [String: Kernel]] = [:]
        for kernel in UnsafeBufferPointer(start: first, count: Int(count)) {
            guard let kernel, let name = kernel.pointee.name.map({ String(cString: $0) }) else { continue }
            guard let op = op(of: name, among: contracts.keys) else { continue }
            kernels[op, default: [:]][name] = kernel
        }
        return kernels
    }()

    /// The longest of the ops that a kernel's name can belong to.
    static func op(of kernel: String, among ops: some Collection<String>) -> String? {
        var part = kernel[...]
        while !ops.contains(String(part)) {
            guard let end = part.lastIndex(of: "_") else { return nil }
            part = part[..<end]
        }
        return String(part)
    }

    /// The installation's kernel folder; nil when it is missing.
    static let folder = KernelFolder.candidates.first { FileManager.default.fileExists(atPath: $0) }

    /// The installation's sources as they were when this process first looked, by op: later changes are seen as such.
    static let sources: [String: KernelSource] = {
        guard let folder else { return [:] }
        var sources: [String: KernelSource] = [:]
        for op in byOp.keys { sources[op] = try? KernelSource(op: op, in: folder) }
        return sources
    }()
}

/// Where the installation keeps what kernels include.
enum StockFolders {
    static let kernels = KernelFolder.candidates.first { WholeFile.exists("\($0)/include/hadal_kernel.h") }
    /// The directory whose `include` has `hadal_plugin.h`, where that is not the kernels' own.
    static let pluginHeader = KernelFolder.pluginHeaderCandidates.first { WholeFile.exists("\($0)/include/hadal_plugin.h") }
}
