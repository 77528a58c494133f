import CVulkan
import HadalCore
import HadalGraph

/// The compute pipelines of a device, each made once.
///
/// Thread safety: as the context.
final class Pipelines: @unchecked Sendable {
    private let context: DeviceContext
    private var made: [String: VkPipeline] = [:]
    private var files: [String: String] = [:]

    init(_ context: DeviceContext) { self.context = context }

    deinit {
        for pipeline in made.values { context.functions.pointee.DestroyPipeline(context.handle, pipeline, nil) }
    }

    /// The pipeline of a kernel's text.
    func pipeline(_ source: KernelSource) throws -> VkPipeline {
        if let known = made[source.text] { return known }
        let words = try spirv(source)
        let pipeline = try build(words, path: source.path)
        made[source.text] = pipeline
        return pipeline
    }

    private func spirv(_ source: KernelSource) throws -> [UInt32] {
        guard let compiler = ShaderCompilers.installed else {
            throw HadalError(
                .notFound, "no shader compiler (shaderc's library or its command glslc) is installed, and no compiled form of the kernel is at hand", at: Place(source.path),
                hint: "on Debian: apt-get install glslc")
        }
        return try compiler.compile(source.text, path: source.path)
    }

    private func build(_ words: [UInt32], path: String) throws -> VkPipeline {
        let calls = context.functions.pointee
        return try words.withUnsafeBufferPointer { code in
            var info = VkShaderModuleCreateInfo()
            info.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO
            info.codeSize = code.count * 4
            info.pCode = code.baseAddress
            var module: VkShaderModule?
            try check(calls.CreateShaderModule(context.handle, &info, nil, &module), "loading the shader of \(path)")
            defer { calls.DestroyShaderModule(context.handle, module, nil) }
            return try "main".withCString { entry in
                var stage = VkPipelineShaderStageCreateInfo()
                stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO
                stage.stage = VK_SHADER_STAGE_COMPUTE_BIT
                stage.module = module
                stage.pName = entry
                var pipelineInfo = VkComputePipelineCreateInfo()
                pipelineInfo.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO
                pipelineInfo.stage = stage
                pipelineInfo.layout = context.layout
                var pipeline: VkPipeline?
                try check(calls.CreateComputePipelines(context.handle, nil, 1, &pipelineInfo, nil, &pipeline), "compiling the shader of \(path)")
                guard let pipeline else { throw HadalError(.backend, "the driver compiled \(path) to nothing") }
                return pipeline
            }
        }
    }

    /// The text of a file, read once.
    func text(of path: String) throws -> String {
        if let known = files[path] { return known }
        let file = try MappedFile(path: path)
        let text = String(decoding: file.bytes, as: UTF8.self)
        files[path] = text
        return text
    }
}
