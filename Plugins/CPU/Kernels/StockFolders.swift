import HadalCore
import HadalKernelFiles

/// Where the installation keeps what kernels include.
enum StockFolders {
    static let kernels = KernelFolder.candidates.first { WholeFile.exists("\($0)/include/hadal_kernel.h") }
    /// The directory whose `include` has `hadal_plugin.h`, where that is not the kernels' own.
    static let pluginHeader = KernelFolder.pluginHeaderCandidates.first { WholeFile.exists("\($0)/include/hadal_plugin.h") }
}
