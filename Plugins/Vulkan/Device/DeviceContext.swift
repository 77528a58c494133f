import CVulkan
import HadalCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A logical device with its queue: memory, command buffers, submission.
///
/// Thread safety: one thread at a time, as the device it belongs to.
final class DeviceContext: @unchecked Sendable {
    let physical: PhysicalDevice
    let handle: VkDevice
    let functions: UnsafePointer<hadal_vulkan_device>
    let queue: VkQueue
    let layout: VkPipelineLayout
    /// Of the extension that imports host memory; nil: there is none.
    let hostPointerProperties: PFN_vkGetMemoryHostPointerPropertiesEXT?
    private let commandPool: VkCommandPool
    private let timeline: VkSemaphore
    private var submitted: UInt64 = 0

    /// Bytes of push constants every kernel gets: the least that every device has.
    static let pushBytes: UInt32 = 128

    init(_ physical: PhysicalDevice, _ library: VulkanLibrary) throws {
        guard let family = physical.queueFamily else { throw HadalError(.unsupported, "\(physical.name) has no queue that computes") }
        self.physical = physical
        let handle = try Self.makeDevice(physical, family.index, library)
        self.handle = handle
        var missing: UnsafePointer<CChar>?
        guard let functions = hadal_vulkan_load_device(library.functions.pointee.GetDeviceProcAddr, handle, &missing) else {
            throw HadalError(.unsupported, "the driver of \(physical.name) lacks \(missing.map { String(cString: $0) } ?? "memory")")
        }
        self.functions = functions
        hostPointerProperties =
            physical.importAlignment > 0
            ? unsafeBitCast(
                library.functions.pointee.GetDeviceProcAddr(handle, "vkGetMemoryHostPointerPropertiesEXT"),
                to: PFN_vkGetMemoryHostPointerPropertiesEXT?.self)
            : nil
        let calls = functions.pointee
        var queue: VkQueue?
        calls.GetDeviceQueue(handle, family.index, 0, &queue)
        guard let queue else { throw HadalError(.backend, "\(physical.name) gave no queue") }
        self.queue = queue

        var poolInfo = VkCommandPoolCreateInfo()
        poolInfo.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO
        poolInfo.queueFamilyIndex = family.index
        var pool: VkCommandPool?
        try check(calls.CreateCommandPool(handle, &poolInfo, nil, &pool), "making a command pool")

        var kind = VkSemaphoreTypeCreateInfo()
        kind.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO
        kind.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE
        var semaphore: VkSemaphore?
        try withUnsafePointer(to: kind) { kind in
            var info = VkSemaphoreCreateInfo()
            info.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO
            info.pNext = UnsafeRawPointer(kind)
            try check(calls.CreateSemaphore(handle, &info, nil, &semaphore), "making a semaphore")
        }

        var range = VkPushConstantRange()
        range.stageFlags = UInt32(VK_SHADER_STAGE_COMPUTE_BIT.rawValue)
        range.size = Self.pushBytes
        var layout: VkPipelineLayout?
        try withUnsafePointer(to: range) { range in
            var info = VkPipelineLayoutCreateInfo()
            info.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO
            info.pushConstantRangeCount = 1
            info.pPushConstantRanges = range
            try check(calls.CreatePipelineLayout(handle, &info, nil, &layout), "making a pipeline layout")
        }
        guard let pool, let semaphore, let layout else { throw HadalError(.backend, "\(physical.name) gave no handles") }
        commandPool = pool
        timeline = semaphore
        self.layout = layout
    }

    deinit {
        let calls = functions.pointee
        _ = calls.DeviceWaitIdle(handle)
        calls.DestroyPipelineLayout(handle, layout, nil)
        calls.DestroySemaphore(handle, timeline, nil)
        calls.DestroyCommandPool(handle, commandPool, nil)
        calls.DestroyDevice(handle, nil)
        free(UnsafeMutableRawPointer(mutating: functions))
    }

    private static func makeDevice(_ physical: PhysicalDevice, _ family: UInt32, _ library: VulkanLibrary) throws -> VkDevice {
        var v11 = VkPhysicalDeviceVulkan11Features()
        v11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES
        v11.storageBuffer16BitAccess = physical.features.storage16 ? 1 : 0
        var v12 = VkPhysicalDeviceVulkan12Features()
        v12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES
        v12.bufferDeviceAddress = 1
        v12.timelineSemaphore = 1
        v12.shaderFloat16 = physical.features.float16 ? 1 : 0
        v12.shaderInt8 = physical.features.int8 ? 1 : 0
        v12.storageBuffer8BitAccess = physical.features.storage8 ? 1 : 0
        let usesMatrices = physical.features.matrix != nil
        // Cooperative matrices need the memory model, in which every kernel's atomics then need their scope.
        v12.vulkanMemoryModel = usesMatrices ? 1 : 0
        v12.vulkanMemoryModelDeviceScope = usesMatrices ? 1 : 0
        var matrices = hadal_vulkan_matrix_features()
        matrices.sType = VkStructureType(rawValue: UInt32(HADAL_VULKAN_COOPERATIVE_MATRIX_FEATURES))
        matrices.cooperativeMatrix = 1
        var dot = VkPhysicalDeviceShaderIntegerDotProductFeatures()
        dot.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES
        dot.shaderIntegerDotProduct = 1
        var control = VkPhysicalDeviceSubgroupSizeControlFeatures()
        control.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES
        control.subgroupSizeControl = 1
        control.computeFullSubgroups = 1
        let links = [
            ChainLink(v11, when: true), ChainLink(v12, when: true), ChainLink(dot, when: physical.features.integerDot),
            ChainLink(control, when: physical.asksForSubgroup), ChainLink(matrices, when: usesMatrices),
        ]
        defer { for link in links { link.free() } }

        var wanted: [String] = []
        if physical.importAlignment > 0 { wanted.append("VK_EXT_external_memory_host") }
        if physical.extensions.contains("VK_KHR_portability_subset") { wanted.append("VK_KHR_portability_subset") }
        let is13 = physical.apiVersion >= 1 << 22 | 3 << 12
        if physical.asksForSubgroup, !is13 { wanted.append("VK_EXT_subgroup_size_control") }
        if physical.features.integerDot, !is13 { wanted.append("VK_KHR_shader_integer_dot_product") }
        if usesMatrices { wanted.append(MatrixShape.extensionName) }
        let names = wanted.map { strdup($0) }
        defer { for name in names { free(name) } }
        let pointers = names.map { UnsafePointer<CChar>($0) }

        return try withUnsafePointer(to: Float(1)) { priority in
            var queue = VkDeviceQueueCreateInfo()
            queue.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO
            queue.queueFamilyIndex = family
            queue.queueCount = 1
            queue.pQueuePriorities = priority
            return try withUnsafePointer(to: queue) { queue in
                try pointers.withUnsafeBufferPointer { pointers in
                    var info = VkDeviceCreateInfo()
                    info.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO
                    info.pNext = ChainLink.join(links).map { UnsafeRawPointer($0) }
                    info.queueCreateInfoCount = 1
                    info.pQueueCreateInfos = queue
                    info.enabledExtensionCount = UInt32(pointers.count)
                    info.ppEnabledExtensionNames = pointers.baseAddress
                    var device: VkDevice?
                    try check(library.functions.pointee.CreateDevice(physical.handle, &info, nil, &device), "opening \(physical.name)")
                    guard let device else { throw HadalError(.backend, "opening \(physical.name) gave nothing") }
                    return device
                }
            }
        }
    }

    // MARK: Commands

    /// A command buffer that `record` fills and that may be submitted any number of times, one after the other.
    func makeCommands(_ record: (VkCommandBuffer) throws -> Void) throws -> VkCommandBuffer {
        let calls = functions.pointee
        var info = VkCommandBufferAllocateInfo()
        info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO
        info.commandPool = commandPool
        info.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY
        info.commandBufferCount = 1
        var buffer: VkCommandBuffer?
        try check(calls.AllocateCommandBuffers(handle, &info, &buffer), "making a command buffer")
        guard let buffer else { throw HadalError(.backend, "no command buffer came back") }
        do {
            var begin = VkCommandBufferBeginInfo()
            begin.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO
            try check(calls.BeginCommandBuffer(buffer, &begin), "recording commands")
            try record(buffer)
            try check(calls.EndCommandBuffer(buffer), "recording commands")
        } catch {
            release(buffer)
            throw error
        }
        return buffer
    }

    func release(_ commands: VkCommandBuffer) {
        withUnsafePointer(to: VkCommandBuffer?(commands)) { functions.pointee.FreeCommandBuffers(handle, commandPool, 1, $0) }
    }

    /// Submits and waits until the device has done it. Allocates nothing.
    func run(_ commands: VkCommandBuffer) throws {
        submitted += 1
        try withUnsafePointer(to: submitted) { value in
            try withUnsafePointer(to: VkSemaphore?(timeline)) { semaphore in
                var order = VkTimelineSemaphoreSubmitInfo()
                order.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO
                order.signalSemaphoreValueCount = 1
                order.pSignalSemaphoreValues = value
                try withUnsafePointer(to: order) { order in
                    try withUnsafePointer(to: VkCommandBuffer?(commands)) { commands in
                        var submit = VkSubmitInfo()
                        submit.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO
                        submit.pNext = UnsafeRawPointer(order)
                        submit.commandBufferCount = 1
                        submit.pCommandBuffers = commands
                        submit.signalSemaphoreCount = 1
                        submit.pSignalSemaphores = semaphore
                        try check(functions.pointee.QueueSubmit(queue, 1, &submit, nil), "submitting commands to \(physical.name)")
                    }
                }
                var wait = VkSemaphoreWaitInfo()
                wait.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO
                wait.semaphoreCount = 1
                wait.pSemaphores = semaphore
                wait.pValues = value
                try check(functions.pointee.WaitSemaphores(handle, &wait, .max), "waiting for \(physical.name)")
            }
        }
    }

    /// Records, runs once and forgets.
    func once(_ record: (VkCommandBuffer) throws -> Void) throws {
        let commands = try makeCommands(record)
        defer { release(commands) }
        try run(commands)
    }

    func waitIdle() { _ = functions.pointee.DeviceWaitIdle(handle) }

    /// Everything written before is visible to everything after.
    func barrier(_ commands: VkCommandBuffer) {
        var memory = VkMemoryBarrier()
        memory.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER
        memory.srcAccessMask = UInt32(VK_ACCESS_SHADER_WRITE_BIT.rawValue) | UInt32(VK_ACCESS_TRANSFER_WRITE_BIT.rawValue)
        memory.dstAccessMask =
            UInt32(VK_ACCESS_SHADER_READ_BIT.rawValue) | UInt32(VK_ACCESS_SHADER_WRITE_BIT.rawValue)
            | UInt32(VK_ACCESS_TRANSFER_READ_BIT.rawValue) | UInt32(VK_ACCESS_TRANSFER_WRITE_BIT.rawValue)
        let stages = UInt32(VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT.rawValue) | UInt32(VK_PIPELINE_STAGE_TRANSFER_BIT.rawValue)
        functions.pointee.CmdPipelineBarrier(commands, stages, stages, 0, 1, &memory, 0, nil, 0, nil)
    }

    /// Everything that shaders wrote can be read by the host once the commands are done.
    func hostBarrier(_ commands: VkCommandBuffer) {
        var memory = VkMemoryBarrier()
        memory.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER
        memory.srcAccessMask = UInt32(VK_ACCESS_SHADER_WRITE_BIT.rawValue)
        memory.dstAccessMask = UInt32(VK_ACCESS_HOST_READ_BIT.rawValue)
        functions.pointee.CmdPipelineBarrier(
            commands, UInt32(VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT.rawValue), UInt32(VK_PIPELINE_STAGE_HOST_BIT.rawValue), 0, 1, &memory, 0,
            nil, 0, nil)
    }
}
