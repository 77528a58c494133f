public import HadalBackend
public import HadalCore

/// Compute shaders of `kernels/ops/*/vulkan.comp` on any device with Vulkan 1.2.
public struct VulkanBackend: Backend {
    public init() {}

    public var name: String { "vulkan" }
    public var version: String { "1.0" }
    public var summary: String { "compute shaders on any Vulkan 1.2 device" }
    public var capabilities: BackendCapabilities {
        [.blockScales, .trace, .liveKernels, .multiNode, .state, .multiSequence, .symbolicDims, .fixedStates]
    }
    public var options: [OptionSpec] { VulkanSettings.specs }
    public var ownsMemory: Bool { true }

    /// - Throws: when there is no Vulkan loader.
    public func devices() throws -> [DeviceInfo] {
        let library = try VulkanLibrary.shared.get()
        return try library.physicalDevices().map { try PhysicalDevice($0, library).info }
    }

    public func open(device index: Int, options: [String: OptionValue], log: LogSink) throws -> any Device {
        try check(options: options)
        let settings = try VulkanSettings(options)
        let library = try VulkanLibrary.shared.get()
        let handles = try library.physicalDevices()
        guard handles.indices.contains(index) else {
            throw HadalError(.notFound, "Vulkan device \(index) does not exist", hint: [.action(.listBackends)])
        }
        let physical = try PhysicalDevice(handles[index], library)
        if let lacks = physical.lacks { throw HadalError(.unsupported, "\(physical.name) lacks \(lacks)") }
        return try VulkanDevice(physical, library, settings, log: log)
    }
}
