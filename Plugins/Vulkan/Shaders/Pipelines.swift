import CVulkan
import HadalCore

/// The compute pipelines of a device, each made once.
///
/// Thread safety: as the context.
final class Pipelines: @unchecked Sendable {
    private struct Key: Hashable {
        var text: String
        var constants: [UInt32]
    }

    private let context: DeviceContext
    private let store: SpirvStore
    private let cache: PipelineCache
    private var made: [Key: VkPipeline] = [:]
    private var modules: [String: VkShaderModule] = [:]

    init(_ context: DeviceContext, _ store: SpirvStore, _ cache: PipelineCache) {
        self.context = context
        self.store = store
        self.cache = cache
    }

    deinit {
        let calls = context.functions.pointee
        for pipeline in made.values { calls.DestroyPipeline(context.handle, pipeline, nil) }
        for module in modules.values { calls.DestroyShaderModule(context.handle, module, nil) }
    }

    /// The pipeline of a kernel's text with these specialisation constants, one for each that the text declares.
    func pipeline(_ source: KernelSource, _ constants: [UInt32]) throws -> VkPipeline {
        let key = Key(text: source.text, constants: constants)
        if let known = made[key] { return known }
        let pipeline = try build(try module(source), constants, path: source.path)
        made[key] = pipeline
        return pipeline
    }

    private func module(_ source: KernelSource) throws -> VkShaderModule {
        if let known = modules[source.text] { return known }
        let words = try store.words(of: source)
        var module: VkShaderModule?
        try words.withUnsafeBufferPointer { code in
            var info = VkShaderModuleCreateInfo()
            info.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO
            info.codeSize = code.count * 4
            info.pCode = code.baseAddress
            try check(
                context.functions.pointee.CreateShaderModule(context.handle, &info, nil, &module), "loading the shader of \(source.path)")
        }
        guard let module else { throw HadalError(.backend, "no shader module came back") }
        modules[source.text] = module
        return module
    }

    private func build(_ module: VkShaderModule, _ constants: [UInt32], path: String) throws -> VkPipeline {
        let entries = constants.indices.map { VkSpecializationMapEntry(constantID: UInt32($0), offset: UInt32(4 * $0), size: 4) }
        var pipeline: VkPipeline?
        let result = entries.withUnsafeBufferPointer { entries in
            constants.withUnsafeBytes { data in
                var specialisation = VkSpecializationInfo()
                specialisation.mapEntryCount = UInt32(entries.count)
                specialisation.pMapEntries = entries.baseAddress
                specialisation.dataSize = data.count
                specialisation.pData = data.baseAddress
                return withUnsafePointer(to: specialisation) { specialisation in
                    "main".withCString { entry in
                        var info = VkComputePipelineCreateInfo()
                        info.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO
                        info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO
                        info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT
                        info.stage.module = module
                        info.stage.pName = entry
                        info.stage.pSpecializationInfo = specialisation
                        info.layout = context.layout
                        var width = VkPipelineShaderStageRequiredSubgroupSizeCreateInfo()
                        width.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO
                        width.requiredSubgroupSize = UInt32(context.physical.fixedSubgroup)
                        let isFull = constants.first.map { Int($0) % context.physical.subgroupSize == 0 } ?? false
                        let asked = ChainLink(width, when: context.physical.asksForSubgroup)
                        defer { asked.free() }
                        info.stage.pNext = ChainLink.join([asked]).map { UnsafeRawPointer($0) }
                        if context.physical.asksForSubgroup, isFull {
                            info.stage.flags = UInt32(VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT.rawValue)
                        }
                        return context.functions.pointee.CreateComputePipelines(context.handle, cache.handle, 1, &info, nil, &pipeline)
                    }
                }
            }
        }
        try check(result, "compiling the shader of \(path)")
        guard let pipeline else { throw HadalError(.backend, "the driver compiled \(path) to nothing") }
        cache.grew()
        return pipeline
    }
}
