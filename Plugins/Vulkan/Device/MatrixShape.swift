import CVulkan
import HadalCore

/// The shape of the matrices that a subgroup multiplies as one: m x k by k x n, float16, added to float32.
struct MatrixShape: Sendable, Equatable {
    var m: Int
    var n: Int
    var k: Int

    subscript(side: KernelSource.MatrixSide) -> Int {
        switch side {
        case .m: m
        case .n: n
        case .k: k
        }
    }

    static let extensionName = "VK_KHR_cooperative_matrix"

    /// The one to use of those that a device lists: the most multiplications, the squarest among equals; nil: it lists none of these types.
    static func best(of device: VkPhysicalDevice, _ library: VulkanLibrary) throws -> MatrixShape? {
        guard let symbol = library.extensionFunction("vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR"),
            let list = unsafeBitCast(symbol, to: hadal_vulkan_list_matrices?.self)
        else { return nil }
        var blank = hadal_vulkan_matrix()
        blank.sType = VkStructureType(rawValue: UInt32(HADAL_VULKAN_COOPERATIVE_MATRIX_PROPERTIES))
        let half = UInt32(HADAL_VULKAN_COMPONENT_FLOAT16), single = UInt32(HADAL_VULKAN_COMPONENT_FLOAT32)
        let shapes = try enumerate(blank, "listing a device's cooperative matrices") { list(device, $0, $1) }
            .filter {
                $0.a == half && $0.b == half && $0.c == single && $0.result == single && $0.scope == UInt32(HADAL_VULKAN_SCOPE_SUBGROUP)
            }
            .map { MatrixShape(m: Int($0.m), n: Int($0.n), k: Int($0.k)) }
        return shapes.filter { [$0.m, $0.n, $0.k].allSatisfy { (4...64).contains($0) && $0 & ($0 - 1) == 0 } }
            .max { ($0.m * $0.n * $0.k, -abs($0.m - $0.n)) < ($1.m * $1.n * $1.k, -abs($1.m - $1.n)) }
    }
}
