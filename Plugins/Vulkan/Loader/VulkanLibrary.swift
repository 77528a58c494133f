import CVulkan
import HadalCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The Vulkan loader and an instance, opened once a process and kept.
///
/// Thread safety: immutable after it is made; instance functions may be called from any thread.
final class VulkanLibrary: @unchecked Sendable {
    let instance: VkInstance
    let functions: UnsafePointer<hadal_vulkan_instance>
    /// What the loader offers, as `VK_MAKE_API_VERSION` packs it.
    let apiVersion: UInt32
    private let get: PFN_vkGetInstanceProcAddr

    private static let names = ["libvulkan.so.1", "libvulkan.so", "libvulkan.1.dylib", "libMoltenVK.dylib"]

    /// The one of this process, or why there is none.
    static let shared = Result { try VulkanLibrary() }.mapError { $0 as? HadalError ?? HadalError(.backend, "\($0)") }

    private init() throws {
        guard let handle = Self.names.lazy.compactMap({ dlopen($0, RTLD_NOW | RTLD_LOCAL) }).first else {
            throw HadalError(
                .notFound, "the Vulkan loader (\(Self.names[0])) is not installed",
                hint: "on Debian: apt-get install libvulkan1 and a driver")
        }
        guard let symbol = dlsym(handle, "vkGetInstanceProcAddr"),
            let get = unsafeBitCast(symbol, to: PFN_vkGetInstanceProcAddr?.self)
        else { throw HadalError(.unsupported, "the Vulkan loader lacks vkGetInstanceProcAddr") }
        var missing: UnsafePointer<CChar>?
        guard let global = hadal_vulkan_load_global(get, &missing) else { throw Self.lacks(missing, "loader") }
        defer { free(UnsafeMutableRawPointer(mutating: global)) }

        var version: UInt32 = 0
        try check(global.pointee.EnumerateInstanceVersion(&version), "reading the loader's version")
        guard version >= Self.wanted else {
            throw HadalError(.unsupported, "the Vulkan loader knows version \(Self.text(version)); 1.2 is needed")
        }
        instance = try Self.makeInstance(global, version)
        guard let functions = hadal_vulkan_load_instance(get, instance, &missing) else { throw Self.lacks(missing, "loader") }
        self.functions = functions
        self.get = get
        apiVersion = version
    }

    /// A function of an extension; nil: no driver has it.
    func extensionFunction(_ name: String) -> PFN_vkVoidFunction? { get(instance, name) }

    private static let wanted: UInt32 = 1 << 22 | 2 << 12

    static func text(_ version: UInt32) -> String { "\(version >> 22 & 0x7F).\(version >> 12 & 0x3FF).\(version & 0xFFF)" }

    private static func lacks(_ name: UnsafePointer<CChar>?, _ what: String) -> HadalError {
        guard let name else { return HadalError(.outOfMemory, "no memory for the Vulkan \(what)'s functions") }
        return HadalError(.unsupported, "the Vulkan \(what) lacks \(String(cString: name))")
    }

    private static func makeInstance(_ global: UnsafePointer<hadal_vulkan_global>, _ version: UInt32) throws -> VkInstance {
        // The newest that this program knows: a device may offer less, and is asked.
        var application = VkApplicationInfo()
        application.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO
        application.apiVersion = min(version, 1 << 22 | 3 << 12 | 0xFFF)
        let portability = try extensions(global).contains("VK_KHR_portability_enumeration")
        return try "hadal".withCString { name in
            application.pEngineName = name
            application.pApplicationName = name
            return try withUnsafePointer(to: application) { application in
                var info = VkInstanceCreateInfo()
                info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO
                info.pApplicationInfo = application
                return try "VK_KHR_portability_enumeration".withCString { text in
                    try [UnsafePointer<CChar>?(text)].withUnsafeBufferPointer { list in
                        if portability {
                            // VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR
                            info.flags = 1
                            info.enabledExtensionCount = 1
                            info.ppEnabledExtensionNames = list.baseAddress
                        }
                        var instance: VkInstance?
                        let result = global.pointee.CreateInstance(&info, nil, &instance)
                        guard result != VK_ERROR_INCOMPATIBLE_DRIVER else {
                            throw HadalError(
                                .notFound, "no Vulkan driver is installed, so that there is no device",
                                hint: "install the driver of your GPU, or mesa-vulkan-drivers, which has one in software, too")
                        }
                        try check(result, "creating a Vulkan instance")
                        guard let instance else { throw HadalError(.backend, "no Vulkan instance came back") }
                        return instance
                    }
                }
            }
        }
    }

    private static func extensions(_ global: UnsafePointer<hadal_vulkan_global>) throws -> Set<String> {
        let found = try enumerate(VkExtensionProperties(), "listing the instance's extensions") {
            global.pointee.EnumerateInstanceExtensionProperties(nil, $0, $1)
        }
        return Set(found.map { fixedString($0.extensionName) })
    }

    func physicalDevices() throws -> [VkPhysicalDevice] {
        try enumerate(VkPhysicalDevice?.none, "listing the Vulkan devices") {
            functions.pointee.EnumeratePhysicalDevices(instance, $0, $1)
        }.compactMap { $0 }
    }
}

/// The two calls of every Vulkan enumeration.
func enumerate<T>(
    _ blank: T, _ what: String, _ call: (UnsafeMutablePointer<UInt32>, UnsafeMutablePointer<T>?) -> VkResult
) throws -> [T] {
    var count: UInt32 = 0
    try check(call(&count, nil), what)
    // It may grow between the calls: VK_INCOMPLETE then, and what fitted is enough.
    var items = Array(repeating: blank, count: Int(count))
    if count > 0 { try check(items.withUnsafeMutableBufferPointer { call(&count, $0.baseAddress) }, what) }
    return Array(items.prefix(Int(count)))
}

/// A fixed array of characters that ends in NUL.
func fixedString<T>(_ characters: T) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}
