import CVulkan
import HadalBackend
import HadalCore

/// A Vulkan device as its driver describes it. Nothing is opened.
struct PhysicalDevice: @unchecked Sendable {
    let handle: VkPhysicalDevice
    let name: String
    let driver: String
    let id: String
    let kind: DeviceInfo.Kind
    let vendor: UInt32
    let apiVersion: UInt32
    let features: Features
    let limits: VkPhysicalDeviceLimits
    let memory: VkPhysicalDeviceMemoryProperties
    /// Bytes that each heap has left, where the driver says.
    let heapFree: [UInt64?]
    let extensions: Set<String>
    let subgroupSizes: ClosedRange<Int>
    /// Width that shaders run with unless asked otherwise.
    let subgroupSize: Int
    /// Width that every subgroup is sure to have; 0: it may vary.
    let fixedSubgroup: Int
    /// Whether a pipeline must ask for that width.
    let asksForSubgroup: Bool
    /// A family with compute, without graphics where there is one; nil: none.
    let queueFamily: (index: UInt32, timestampBits: UInt32)?
    /// Largest single allocation.
    let allocationLimit: UInt64
    let importAlignment: Int

    /// What shaders may use. Most have a way around them.
    struct Features: Sendable {
        var bufferDeviceAddress = false
        var timelineSemaphore = false
        var float16 = false
        var int8 = false
        var storage16 = false
        var storage8 = false
        var integerDot = false
        /// Vulkan's memory model, and atomics of the whole device in it.
        var memoryModel = false
        var hasMatrices = false
        /// nil: no cooperative matrices, or none of float16 added to float32.
        var matrix: MatrixShape?
        var subgroupArithmetic = false
        var subgroupSizeControl = false

        /// Those that there is no way around.
        static let needed = [
            (name: "address", help: "buffer addresses (bufferDeviceAddress)"), (name: "timeline", help: "timeline semaphores"),
            (name: "subgroup-arithmetic", help: "subgroup arithmetic in compute shaders"),
        ]

        var names: [String] {
            [
                ("address", bufferDeviceAddress), ("timeline", timelineSemaphore), ("fp16", float16), ("int8", int8),
                ("storage16", storage16), ("storage8", storage8), ("integer-dot", integerDot), ("cooperative-matrix", matrix != nil),
                ("subgroup-arithmetic", subgroupArithmetic),
            ].filter(\.1).map(\.0)
        }
    }

    init(_ handle: VkPhysicalDevice, _ library: VulkanLibrary) throws {
        let functions = library.functions.pointee
        self.handle = handle
        extensions = Set(
            try enumerate(VkExtensionProperties(), "listing a device's extensions") {
                functions.EnumerateDeviceExtensionProperties(handle, nil, $0, $1)
            }.map { fixedString($0.extensionName) })

        var vulkan11 = VkPhysicalDeviceVulkan11Properties()
        vulkan11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES
        var vulkan12 = VkPhysicalDeviceVulkan12Properties()
        vulkan12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES
        var width = VkPhysicalDeviceSubgroupSizeControlProperties()
        width.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES
        var hostMemory = VkPhysicalDeviceExternalMemoryHostPropertiesEXT()
        hostMemory.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT
        let bus = VkPhysicalDevicePCIBusInfoPropertiesEXT()
        var properties = VkPhysicalDeviceProperties2()
        properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2
        functions.GetPhysicalDeviceProperties2(handle, &properties)
        apiVersion = min(properties.properties.apiVersion, library.apiVersion)
        let (is12, is13) = (apiVersion >= 1 << 22 | 2 << 12, apiVersion >= 1 << 22 | 3 << 12)
        let hasWidths = is13 || extensions.contains("VK_EXT_subgroup_size_control")
        let importsHost = extensions.contains("VK_EXT_external_memory_host")
        let hasBus = extensions.contains("VK_EXT_pci_bus_info")
        let links: [ChainLink] = [
            ChainLink(vulkan11, when: is12), ChainLink(vulkan12, when: is12), ChainLink(width, when: hasWidths),
            ChainLink(hostMemory, when: importsHost),
            ChainLink(Self.typed(bus, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PCI_BUS_INFO_PROPERTIES_EXT), when: hasBus),
        ]
        defer { for link in links { link.free() } }
        properties.pNext = ChainLink.join(links)
        functions.GetPhysicalDeviceProperties2(handle, &properties)
        properties.pNext = nil
        vulkan11 = links[0].read()
        vulkan12 = links[1].read()
        width = links[2].read()
        hostMemory = links[3].read()
        let place: VkPhysicalDevicePCIBusInfoPropertiesEXT = links[4].read()
        let basic = properties.properties
        limits = basic.limits
        vendor = basic.vendorID
        name = fixedString(basic.deviceName)
        let driverName = is12 ? "\(fixedString(vulkan12.driverName)) \(fixedString(vulkan12.driverInfo))" : "driver \(basic.driverVersion)"
        driver = "\(driverName.trimmed), Vulkan \(VulkanLibrary.text(basic.apiVersion))"
        id =
            hasBus
            ? [place.pciDomain, place.pciBus, place.pciDevice, place.pciFunction].map { String($0, radix: 16) }.joined(separator: ":")
            : withUnsafeBytes(of: vulkan11.deviceUUID) { $0.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }
        kind =
            switch basic.deviceType {
            case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU, VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: .gpu
            case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: .integratedGPU
            case VK_PHYSICAL_DEVICE_TYPE_CPU: .software
            default: .accelerator
            }
        subgroupSize = max(Int(vulkan11.subgroupSize), 1)
        let (narrow, wide) = (Int(width.minSubgroupSize), Int(width.maxSubgroupSize))
        subgroupSizes = hasWidths && narrow > 0 && wide >= narrow ? narrow...wide : subgroupSize...subgroupSize
        allocationLimit = vulkan11.maxMemoryAllocationSize > 0 ? UInt64(vulkan11.maxMemoryAllocationSize) : 1 << 30
        importAlignment = importsHost ? Int(clamping: hostMemory.minImportedHostPointerAlignment) : 0
        let arithmetic =
            vulkan11.subgroupSupportedOperations & UInt32(VK_SUBGROUP_FEATURE_ARITHMETIC_BIT.rawValue) != 0
            && vulkan11.subgroupSupportedStages & UInt32(VK_SHADER_STAGE_COMPUTE_BIT.rawValue) != 0

        var features = is12 ? Self.features(handle, functions, is13: is13, extensions, arithmetic) : Features()
        if features.hasMatrices, features.float16, features.memoryModel { features.matrix = try MatrixShape.best(of: handle, library) }
        self.features = features
        let canAsk =
            features.subgroupSizeControl && width.requiredSubgroupSizeStages & UInt32(VK_SHADER_STAGE_COMPUTE_BIT.rawValue) != 0
            && subgroupSizes.contains(subgroupSize)
        asksForSubgroup = subgroupSizes.count > 1 && canAsk
        fixedSubgroup = subgroupSizes.count == 1 || canAsk ? subgroupSize : 0
        (memory, heapFree) = Self.memory(handle, functions, extensions)
        queueFamily = Self.queueFamily(handle, functions)
    }

    private static func typed(_ value: VkPhysicalDevicePCIBusInfoPropertiesEXT, _ type: VkStructureType)
        -> VkPhysicalDevicePCIBusInfoPropertiesEXT
    {
        var value = value
        value.sType = type
        return value
    }

    private static func features(
        _ handle: VkPhysicalDevice, _ functions: hadal_vulkan_instance, is13: Bool, _ extensions: Set<String>, _ arithmetic: Bool
    ) -> Features {
        var v11 = VkPhysicalDeviceVulkan11Features()
        v11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES
        var v12 = VkPhysicalDeviceVulkan12Features()
        v12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES
        var dot = VkPhysicalDeviceShaderIntegerDotProductFeatures()
        dot.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES
        let hasDot = is13 || extensions.contains("VK_KHR_shader_integer_dot_product")
        var control = VkPhysicalDeviceSubgroupSizeControlFeatures()
        control.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES
        let hasControl = is13 || extensions.contains("VK_EXT_subgroup_size_control")
        var matrices = hadal_vulkan_matrix_features()
        matrices.sType = VkStructureType(rawValue: UInt32(HADAL_VULKAN_COOPERATIVE_MATRIX_FEATURES))
        let links = [
            ChainLink(v11, when: true), ChainLink(v12, when: true), ChainLink(dot, when: hasDot), ChainLink(control, when: hasControl),
            ChainLink(matrices, when: extensions.contains(MatrixShape.extensionName)),
        ]
        defer { for link in links { link.free() } }
        var all = VkPhysicalDeviceFeatures2()
        all.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2
        all.pNext = ChainLink.join(links)
        functions.GetPhysicalDeviceFeatures2(handle, &all)
        v11 = links[0].read()
        v12 = links[1].read()
        dot = links[2].read()
        control = links[3].read()
        matrices = links[4].read()
        var found = Features()
        found.bufferDeviceAddress = v12.bufferDeviceAddress != 0
        found.timelineSemaphore = v12.timelineSemaphore != 0
        found.float16 = v12.shaderFloat16 != 0
        found.int8 = v12.shaderInt8 != 0
        found.storage8 = v12.storageBuffer8BitAccess != 0
        found.storage16 = v11.storageBuffer16BitAccess != 0
        found.integerDot = hasDot && dot.shaderIntegerDotProduct != 0
        found.hasMatrices = matrices.cooperativeMatrix != 0
        found.memoryModel = v12.vulkanMemoryModel != 0 && v12.vulkanMemoryModelDeviceScope != 0
        found.subgroupArithmetic = arithmetic
        found.subgroupSizeControl = hasControl && control.subgroupSizeControl != 0 && control.computeFullSubgroups != 0
        return found
    }

    private static func memory(
        _ handle: VkPhysicalDevice, _ functions: hadal_vulkan_instance, _ extensions: Set<String>
    ) -> (VkPhysicalDeviceMemoryProperties, [UInt64?]) {
        var budget = VkPhysicalDeviceMemoryBudgetPropertiesEXT()
        budget.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT
        let hasBudget = extensions.contains("VK_EXT_memory_budget")
        let links = [ChainLink(budget, when: hasBudget)]
        defer { for link in links { link.free() } }
        var all = VkPhysicalDeviceMemoryProperties2()
        all.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2
        all.pNext = ChainLink.join(links)
        functions.GetPhysicalDeviceMemoryProperties2(handle, &all)
        budget = links[0].read()
        let count = Int(all.memoryProperties.memoryHeapCount)
        let free: [UInt64?] = withUnsafeBytes(of: budget.heapBudget) { budgets in
            withUnsafeBytes(of: budget.heapUsage) { usage in
                (0..<count).map { heap in
                    guard hasBudget else { return nil }
                    let (most, used) = (
                        budgets.load(fromByteOffset: heap * 8, as: UInt64.self), usage.load(fromByteOffset: heap * 8, as: UInt64.self)
                    )
                    return most > used ? most - used : 0
                }
            }
        }
        return (all.memoryProperties, free)
    }

    private static func queueFamily(_ handle: VkPhysicalDevice, _ functions: hadal_vulkan_instance) -> (
        index: UInt32, timestampBits: UInt32
    )? {
        var count: UInt32 = 0
        functions.GetPhysicalDeviceQueueFamilyProperties(handle, &count, nil)
        var families = Array(repeating: VkQueueFamilyProperties(), count: Int(count))
        families.withUnsafeMutableBufferPointer { functions.GetPhysicalDeviceQueueFamilyProperties(handle, &count, $0.baseAddress) }
        let compute = families.indices.filter {
            families[$0].queueCount > 0 && families[$0].queueFlags & UInt32(VK_QUEUE_COMPUTE_BIT.rawValue) != 0
        }
        let alone = compute.first { families[$0].queueFlags & UInt32(VK_QUEUE_GRAPHICS_BIT.rawValue) == 0 }
        return (alone ?? compute.first).map { (UInt32($0), families[$0].timestampValidBits) }
    }

    /// nil: this backend can use the device. Otherwise what it lacks.
    var lacks: String? {
        if apiVersion < 1 << 22 | 2 << 12 { return "Vulkan 1.2 (it has \(VulkanLibrary.text(apiVersion)))" }
        if queueFamily == nil { return "a queue that computes" }
        return Features.needed.first { !features.names.contains($0.name) }?.help
    }

    var featureNames: [String] { features.names + (fixedSubgroup > 0 ? ["fixed-subgroup"] : []) }

    var heaps: [DeviceInfo.Heap] {
        let types = withUnsafeBytes(of: memory.memoryTypes) {
            Array($0.bindMemory(to: VkMemoryType.self).prefix(Int(memory.memoryTypeCount)))
        }
        let all = withUnsafeBytes(of: memory.memoryHeaps) {
            Array($0.bindMemory(to: VkMemoryHeap.self).prefix(Int(memory.memoryHeapCount)))
        }
        return all.enumerated().map { index, heap in
            let own = types.filter { Int($0.heapIndex) == index }
            return DeviceInfo.Heap(
                bytesTotal: heap.size, bytesFree: heapFree[index] ?? heap.size,
                hostVisible: own.contains { $0.propertyFlags & UInt32(VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT.rawValue) != 0 },
                deviceLocal: heap.flags & UInt32(VK_MEMORY_HEAP_DEVICE_LOCAL_BIT.rawValue) != 0)
        }
    }

    var info: DeviceInfo {
        var info = DeviceInfo(kind: kind, id: id, name: name, driver: driver)
        info.features = featureNames
        info.heaps = Array(heaps.sorted { $0.deviceLocal && !$1.deviceLocal }.prefix(4))
        info.subgroupSizes = subgroupSizes
        info.importAlignment = importAlignment
        info.bufferRangeLimit = Int(limits.maxStorageBufferRange)
        return info
    }
}

extension String {
    fileprivate var trimmed: String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
