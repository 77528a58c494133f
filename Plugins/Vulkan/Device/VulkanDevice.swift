import CVulkan
import HadalBackend
import HadalCore
import HadalGraph

/// An opened Vulkan device.
///
/// Thread safety: one thread at a time.
final class VulkanDevice: Device, @unchecked Sendable {
    let info: DeviceInfo
    let context: DeviceContext
    let transfer: Transfer
    let pipelines: Pipelines
    let catalogue: OpCatalogue

    init(_ physical: PhysicalDevice, _ library: VulkanLibrary) throws {
        info = physical.info
        context = try DeviceContext(physical, library)
        transfer = Transfer(context)
        pipelines = Pipelines(context)
        catalogue = try OpCatalogue.load()
    }

    func unsupported(node: Int, of segment: Segment) -> String? {
        do {
            let use = try KernelUse(node, of: segment, catalogue: catalogue)
            for stage in use.contract.stages {
                guard UInt32(stage.threads) <= context.physical.limits.maxComputeWorkGroupInvocations else {
                    return "a workgroup of \(stage.threads); the device takes \(context.physical.limits.maxComputeWorkGroupInvocations)"
                }
                _ = try Grid(stage, use.sample, bounds: segment.bounds, limits: context.physical.limits.maxComputeWorkGroupCount)
            }
            return nil
        } catch let error as HadalError { return error.message } catch { return "\(error)" }
    }

    func compile(_ segment: Segment) throws -> any Executable { try VulkanExecutable(segment, on: self) }

    func allocate(bytes: Int) throws -> (any Buffer)? { try VulkanBuffer(transfer, bytes: bytes) }

    func quiesce() { context.waitIdle() }
}
