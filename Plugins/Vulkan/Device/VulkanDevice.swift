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
    /// Whether memory that kernels share holds NaN before anything is written to it, so that whoever reads too early shows.
    let poisonsMemory: Bool

    init(_ physical: PhysicalDevice, _ library: VulkanLibrary, _ settings: VulkanSettings, log: LogSink) throws {
        poisonsMemory = settings.order == .backward
        var disabled = settings.disabledFeatures
        if let needed = PhysicalDevice.Features.needed.first(where: { disabled.contains($0.name) }) {
            throw HadalError(
                .unsupported, "\(physical.name) without \(needed.help): kernels cannot do without that",
                hint: "leave '\(needed.name)' out of option 'without'")
        }
        for quirk in try settings.quirks().holding(for: physical) {
            log.write(.info, "\(physical.name): not using \(quirk.disabled.joined(separator: ", ")): \(quirk.why)")
            if let needed = PhysicalDevice.Features.needed.first(where: { quirk.disabled.contains($0.name) }) {
                throw HadalError(
                    .unsupported, "\(physical.name) is not used with this driver, as kernels need \(needed.help): \(quirk.why)")
            }
            disabled.formUnion(quirk.disabled)
        }
        context = try DeviceContext(physical, library)
        transfer = Transfer(context)
        var info = physical.info
        info.features.removeAll { disabled.contains($0) }
        self.info = info
        let compilers = settings.compiles ? ShaderCompilers.installed : []
        guard settings.order == .together || !compilers.isEmpty else {
            throw HadalError(.unsupported, "option 'order': another order requires a shader compiler")
        }
        let store = SpirvStore(
            compilers: compilers, cache: settings.cache,
            shipped: (settings.kernelDirectories + [KernelFolders.installed].compactMap { $0 }).map { "\($0)/spirv" },
            output: settings.spirvOutput, log: log)
        pipelines = Pipelines(context, store, PipelineCache(context, directory: settings.cache))
        kernels = try Kernels(
            directories: settings.kernelDirectories, features: Set(physical.featureNames).subtracting(disabled),
            physical: physical, tuned: try settings.tuned(for: physical.id, log: log), compilesEveryForm: settings.spirvOutput != nil,
            order: settings.order, log: log
        ) { source in (try? store.words(of: source)) != nil }
        if settings.spirvOutput != nil { for source in try RateMeter.sources() { _ = try? store.words(of: source) } }
    }

    func unsupported(node: Int, of segment: Segment) -> String? {
        do {
            guard segment.graph.nodes.indices.contains(node) else { return "there is no node \(node)" }
            let kernel = try kernels.kernel(of: segment.graph.nodes[node].op)
            let use = try KernelUse(node, of: segment, contract: kernel.contract)
            for stage in kernel.contract.stages {
                var parameters = Dictionary(stage.parameters.map { ($0.name, $0.values[0]) }, uniquingKeysWith: { first, _ in first })
                parameters["subgroup"] = context.physical.subgroupSize
                _ = try Grid(
                    stage, use.sample, parameters, bounds: segment.bounds, limits: context.physical.limits.maxComputeWorkGroupCount)
            }
            return nil
        } catch let error as HadalError { return error.message } catch { return "\(error)" }
    }

    func compile(_ segment: Segment) throws -> any Executable { try VulkanExecutable(segment, on: self) }

    func allocate(bytes: Int) throws -> (any Buffer)? { try VulkanBuffer(transfer, bytes: bytes) }

    func importMemory(_ memory: UnsafeMutableRawBufferPointer) throws -> (any Buffer)? {
        let alignment = context.physical.importAlignment
        guard alignment > 0, let start = memory.baseAddress, Int(bitPattern: start) % alignment == 0, memory.count % alignment == 0,
            memory.count > 0
        else { return nil }
        return try VulkanBuffer(transfer, importing: memory)
    }

    func heldBytes(of weight: Graph.Weight) -> Int? {
        guard weight.dims.count > 1, let columns = weight.dims.last, columns > 0, columns % weight.dtype.blockElements == 0 else {
            return weight.elements * 4
        }
        return WeightStore.rowWords(weight.dtype, columns: columns).map { $0.words * 4 * (weight.elements / columns) }
    }

    func measureRates(seconds: Double) throws -> DeviceRates? { try RateMeter(device: self).measure(seconds: seconds) }

    func quiesce() { context.waitIdle() }
}
