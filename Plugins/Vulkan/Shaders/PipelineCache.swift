import CVulkan
import HadalCore

/// What a driver compiled before, kept in a file of the device and driver.
///
/// A damaged file is left out. Drivers check theirs again.
/// Thread safety: as the context.
final class PipelineCache: @unchecked Sendable {
    /// nil: the driver gave none, and compiles again every time.
    let handle: VkPipelineCache?
    private let context: DeviceContext
    private let files: ContentCache?
    private let name: String
    private var hasGrown = false

    /// - Parameter directory: where the file is kept; nil: nowhere.
    init(_ context: DeviceContext, directory: String?) {
        self.context = context
        files = directory.map { ContentCache(directory: "\($0)/vulkan") }
        var hash = SHA256()
        hash.combine(field: context.physical.id)
        hash.combine(field: context.physical.driver)
        name = "pipelines-\(hash.finish().hexadecimal).bin"
        let kept = files?.content(name) ?? []
        var info = VkPipelineCacheCreateInfo()
        info.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO
        var made: VkPipelineCache?
        kept.withUnsafeBytes { bytes in
            info.initialDataSize = bytes.count
            info.pInitialData = bytes.baseAddress
            _ = context.functions.pointee.CreatePipelineCache(context.handle, &info, nil, &made)
        }
        handle = made
    }

    deinit {
        save()
        context.functions.pointee.DestroyPipelineCache(context.handle, handle, nil)
    }

    func grew() { hasGrown = true }

    /// Writes what has been compiled since the last time. A failure loses time at the next start, nothing else.
    func save() {
        guard hasGrown, let files, let handle else { return }
        hasGrown = false
        var size = 0
        let calls = context.functions.pointee
        guard calls.GetPipelineCacheData(context.handle, handle, &size, nil) == VK_SUCCESS, size > 0, size < ContentCache.largest else {
            return
        }
        var bytes = [UInt8](repeating: 0, count: size)
        let result = bytes.withUnsafeMutableBytes { calls.GetPipelineCacheData(context.handle, handle, &size, $0.baseAddress) }
        guard result == VK_SUCCESS else { return }
        try? files.store(name, Array(bytes.prefix(size)))
    }
}
