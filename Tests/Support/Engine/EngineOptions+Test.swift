import HadalCore
public import HadalEngine
public import TestSupport

extension EngineOptions {
    /// A backend with the plugins that were built, and caches that keep every bit.
    public static func test(_ backend: String, observe: Observation = .none) -> EngineOptions {
        var options = EngineOptions()
        options.backend = backend
        options.observe = observe
        options.cacheDType = .f32
        options.environment.pluginPaths = [Fixtures.products]
        return options
    }

    /// For the committed llama with the squared ReLU of `directory` in place of its gate.
    public static func relu2(_ backend: String, _ directory: KernelDirectory, cache: KernelDirectory, observe: Observation = .none)
        -> EngineOptions
    {
        var options = test(backend, observe: observe)
        options.architecture = Fixtures.path("kernels/relu2.json")
        options.environment.kernelPaths = [directory.path]
        options.settings = ["cpu.kernel-cache": cache.path, "cpu.threads": "2", "vulkan.kernel-cache": cache.path]
        return options
    }
}
