import CVulkan
import Foundation
import HadalCore

/// What a driver compiled before, kept in a file of the device and driver.
///
/// The file begins with a checksum; one that does not match is left out. Drivers check theirs again.
/// Thread safety: as the context.
final class PipelineCache: @unchecked Sendable {
    /// nil: the driver gave none, and compiles anew every time.
    let handle: VkPipelineCache?
    private let context: DeviceContext
    private let path: String?
    private var hasGrown = false

    /// - Parameter directory: where the file is kept; nil: nowhere.
    init(_ context: DeviceContext, directory: String?) {
        self.context = context
        path = directory.map { "\($0)/vulkan/pipelines-\(Digest.hex(of: [context.physical.id, context.physical.driver])).bin" }
        let kept = path.flatMap { Self.read($0) } ?? []
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
        guard hasGrown, let path, let handle else { return }
        hasGrown = false
        var size = 0
        let calls = context.functions.pointee
        guard calls.GetPipelineCacheData(context.handle, handle, &size, nil) == VK_SUCCESS, size > 0, size < 256 << 20 else { return }
        var words = [UInt32](repeating: 0, count: (size + 3) / 4)
        let result = words.withUnsafeMutableBytes { calls.GetPipelineCacheData(context.handle, handle, &size, $0.baseAddress) }
        guard result == VK_SUCCESS else { return }
        let sum = Digest.checksum(words)
        words.insert(contentsOf: [UInt32(truncatingIfNeeded: sum), UInt32(truncatingIfNeeded: sum >> 32)], at: 0)
        let data = words.withUnsafeBytes { Data($0) }
        try? FileManager.default.createDirectory(atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try? data.write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    private static func read(_ path: String) -> [UInt32]? {
        guard let bytes = FileManager.default.contents(atPath: path), bytes.count > 8, bytes.count % 4 == 0 else { return nil }
        let words = bytes.withUnsafeBytes { raw in (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self) } }
        let body = Array(words[2...])
        let sum = Digest.checksum(body)
        return words[0] == UInt32(truncatingIfNeeded: sum) && words[1] == UInt32(truncatingIfNeeded: sum >> 32) ? body : nil
    }
}
