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
    let kernels: Kernels
    let pipelines: Pipelines

    init(_ physical: PhysicalDevice, _ library: VulkanLibrary, _ settings: VulkanSettings, log: LogSink) throws {
        info = physical.info
        context = try DeviceContext(physical, library)
        transfer = Transfer(context)
        let store = SpirvStore(
            compiler: settings.compiles ? ShaderCompilers.installed : nil, cache: settings.cache,
            shipped: (settings.kernelDirectories + [KernelFolders.installed].compactMap { $0 }).map { "\($0)/spirv" }, log: log)
        pipelines = Pipelines(context, store, PipelineCache(context, directory: settings.cache))
        kernels = try Kernels(
            directories: settings.kernelDirectories, features: Set(physical.features.names).subtracting(settings.disabledFeatures),
            threadLimit: Int(physical.limits.maxComputeWorkGroupInvocations), 
            subgroup: physical.fixedSubgroup > 0 ? physical.fixedSubgroup : 32, tuned: try settings.tuned(for: physical.id), log: log
        ) { source in (try? store.words(of: source)) != nil }
    }

    func unsupported(node: Int, of segment: Segment) -> String? {
        do {
            guard segment.graph.nodes.indices.contains(node) else { return "there is no node \(node)" }
            let kernel = try kernels.kernel(of: segment.graph.nodes[node].op)
            let use = try KernelUse(node, of: segment, contract: kernel.contract)
            for stage in kernel.contract.stages {
                var parameters = Dictionary(stage.parameters.map { ($0.name, $0.values[0]) }, uniquingKeysWith: { first, _ in first })
                parameters["subgroup"] = context.physical.subgroupSize
                _ = try Grid(stage, use.sample, parameters, bounds: segment.bounds, limits: context.physical.limits.maxComputeWorkGroupCount)
            }
            return nil
        } catch let error as HadalError { return error.message } catch { return "\(error)" }
    }

    func compile(_ segment: Segment) throws -> any Executable { try VulkanExecutable(segment, on: self) }

    func allocate(bytes: Int) throws -> (any Buffer)? { try VulkanBuffer(transfer, bytes: bytes) }

    func quiesce() { context.waitIdle() }
}
