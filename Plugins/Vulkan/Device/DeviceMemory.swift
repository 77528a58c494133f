import CVulkan
import HadalCore

/// A buffer with memory of its own, reachable by shaders through its address.
///
/// Thread safety: as the context it comes from.
final class DeviceMemory: @unchecked Sendable {
    enum Purpose {
        /// Read and written by shaders; in the device's own memory where it has some.
        case device
        /// Written by the host a little every step, read by shaders.
        case step
        /// On its way to or from the device.
        case staging
    }

    let context: DeviceContext
    let buffer: VkBuffer
    let bytes: Int
    let address: UInt64
    /// Where the host sees it; nil when it cannot. Always coherent.
    let pointer: UnsafeMutableRawPointer?
    private let memory: VkDeviceMemory

    init(_ context: DeviceContext, bytes: Int, purpose: Purpose) throws {
        let calls = context.functions.pointee
        let size = max((bytes + 15) & ~15, 16)
        guard size > 0, UInt64(size) <= context.physical.allocationLimit else {
            throw HadalError(
                .outOfMemory,
                "\(context.physical.name) gives at most \(context.physical.allocationLimit) bytes at once, \(bytes) are wanted")
        }
        var info = Self.bufferInfo(size: size)
        var made: VkBuffer?
        try check(calls.CreateBuffer(context.handle, &info, nil, &made), "making a buffer on \(context.physical.name)", bytes: bytes)
        guard let made else { throw HadalError(.backend, "no buffer came back") }
        var wanted = VkMemoryRequirements()
        calls.GetBufferMemoryRequirements(context.handle, made, &wanted)

        do {
            let (memory, type) = try Self.allocate(context, wanted, purpose)
            self.memory = memory
            do {
                try check(calls.BindBufferMemory(context.handle, made, memory, 0), "binding memory")
                var mapped: UnsafeMutableRawPointer?
                if type & UInt32(VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT.rawValue) != 0,
                    type & UInt32(VK_MEMORY_PROPERTY_HOST_COHERENT_BIT.rawValue) != 0
                {
                    try check(
                        calls.MapMemory(context.handle, memory, 0, VkDeviceSize(VK_WHOLE_SIZE), 0, &mapped), "mapping memory", bytes: bytes)
                }
                pointer = mapped
            } catch {
                calls.FreeMemory(context.handle, memory, nil)
                throw error
            }
        } catch {
            calls.DestroyBuffer(context.handle, made, nil)
            throw error
        }
        address = Self.address(of: made, context)
        self.context = context
        self.bytes = bytes
        buffer = made
    }

    /// Host memory as it lies, which the device reads and writes in place. It outlives this object; start and size are multiples of the
    /// device's import alignment.
    init(_ context: DeviceContext, importing host: UnsafeMutableRawBufferPointer) throws {
        let calls = context.functions.pointee
        guard let start = host.baseAddress, let properties = context.hostPointerProperties else {
            throw HadalError(.unsupported, "\(context.physical.name) cannot import host memory")
        }
        let handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT
        var external = VkExternalMemoryBufferCreateInfo()
        external.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO
        external.handleTypes = UInt32(handleType.rawValue)
        var made: VkBuffer?
        try withUnsafePointer(to: external) { external in
            var info = Self.bufferInfo(size: host.count)
            info.pNext = UnsafeRawPointer(external)
            try check(
                calls.CreateBuffer(context.handle, &info, nil, &made), "making a buffer on \(context.physical.name)", bytes: host.count)
        }
        guard let made else { throw HadalError(.backend, "no buffer came back") }
        do {
            var allowed = VkMemoryHostPointerPropertiesEXT()
            allowed.sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT
            try check(properties(context.handle, handleType, start, &allowed), "importing host memory")
            var wanted = VkMemoryRequirements()
            calls.GetBufferMemoryRequirements(context.handle, made, &wanted)
            guard wanted.size <= VkDeviceSize(host.count), wanted.memoryTypeBits & allowed.memoryTypeBits != 0 else {
                throw HadalError(.unsupported, "\(context.physical.name) cannot use this host memory")
            }
            var source = VkImportMemoryHostPointerInfoEXT()
            source.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT
            source.handleType = handleType
            source.pHostPointer = start
            wanted.size = VkDeviceSize(host.count)
            wanted.memoryTypeBits &= allowed.memoryTypeBits
            memory = try Self.allocate(context, wanted, .staging, importing: ChainLink(source, when: true)).0
            do { try check(calls.BindBufferMemory(context.handle, made, memory, 0), "binding memory") } catch {
                calls.FreeMemory(context.handle, memory, nil)
                throw error
            }
        } catch {
            calls.DestroyBuffer(context.handle, made, nil)
            throw error
        }
        address = Self.address(of: made, context)
        pointer = start
        self.context = context
        bytes = host.count
        buffer = made
    }

    private static func bufferInfo(size: Int) -> VkBufferCreateInfo {
        var info = VkBufferCreateInfo()
        info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO
        info.size = VkDeviceSize(size)
        info.usage =
            UInt32(VK_BUFFER_USAGE_STORAGE_BUFFER_BIT.rawValue) | UInt32(VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT.rawValue)
            | UInt32(VK_BUFFER_USAGE_TRANSFER_SRC_BIT.rawValue) | UInt32(VK_BUFFER_USAGE_TRANSFER_DST_BIT.rawValue)
            | UInt32(VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT.rawValue)
        info.sharingMode = VK_SHARING_MODE_EXCLUSIVE
        return info
    }

    private static func address(of buffer: VkBuffer, _ context: DeviceContext) -> UInt64 {
        var place = VkBufferDeviceAddressInfo()
        place.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO
        place.buffer = buffer
        return context.functions.pointee.GetBufferDeviceAddress(context.handle, &place)
    }

    deinit {
        context.functions.pointee.DestroyBuffer(context.handle, buffer, nil)
        context.functions.pointee.FreeMemory(context.handle, memory, nil)
    }

    /// Tries the memory types that fit the purpose, best first.
    private static func allocate(
        _ context: DeviceContext, _ wanted: VkMemoryRequirements, _ purpose: Purpose, importing source: ChainLink? = nil
    ) throws -> (VkDeviceMemory, UInt32) {
        defer { source?.free() }
        let local = UInt32(VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT.rawValue)
        let visible = UInt32(VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT.rawValue) | UInt32(VK_MEMORY_PROPERTY_HOST_COHERENT_BIT.rawValue)
        let cached = UInt32(VK_MEMORY_PROPERTY_HOST_CACHED_BIT.rawValue)
        let order: [UInt32] =
            switch purpose {
            case .device: [local, 0]
            case .step: [local | visible, visible]
            case .staging: [visible | cached, visible]
            }
        let types = withUnsafeBytes(of: context.physical.memory.memoryTypes) {
            Array($0.bindMemory(to: VkMemoryType.self).prefix(Int(context.physical.memory.memoryTypeCount)))
        }
        var failure: (any Error)?
        for flags in order {
            for (index, type) in types.enumerated()
            where wanted.memoryTypeBits >> UInt32(index) & 1 == 1 && type.propertyFlags & flags == flags {
                var address = VkMemoryAllocateFlagsInfo()
                address.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO
                address.flags = UInt32(VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT.rawValue)
                let flags = ChainLink(address, when: true)
                defer { flags.free() }
                do {
                    var info = VkMemoryAllocateInfo()
                    info.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO
                    info.pNext = ChainLink.join([flags] + (source.map { [$0] } ?? [])).map { UnsafeRawPointer($0) }
                    info.allocationSize = wanted.size
                    info.memoryTypeIndex = UInt32(index)
                    var memory: VkDeviceMemory?
                    try check(
                        context.functions.pointee.AllocateMemory(context.handle, &info, nil, &memory),
                        "allocating memory of \(context.physical.name)", bytes: Int(wanted.size))
                    guard let memory else { throw HadalError(.backend, "no memory came back") }
                    return (memory, type.propertyFlags)
                } catch { failure = failure ?? error }
            }
        }
        throw failure ?? HadalError(.unsupported, "\(context.physical.name) has no memory of the kind that is needed")
    }
}
