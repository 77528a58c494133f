import CVulkan
import HadalCore

/// Turns a failed call into an error that says what was being done.
func check(_ result: VkResult, _ what: @autoclosure () -> String, bytes: Int = 0) throws {
    if result.rawValue >= 0 { return }
    let (code, text): (HadalError.Code, String) =
        switch result {
        case VK_ERROR_OUT_OF_HOST_MEMORY: (.outOfMemory, "no host memory")
        case VK_ERROR_OUT_OF_DEVICE_MEMORY: (.outOfMemory, "no device memory")
        case VK_ERROR_TOO_MANY_OBJECTS: (.outOfMemory, "too many allocations")
        case VK_ERROR_DEVICE_LOST: (.backend, "the device was lost")
        case VK_ERROR_INITIALIZATION_FAILED: (.unsupported, "the driver could not start")
        case VK_ERROR_INCOMPATIBLE_DRIVER: (.unsupported, "no driver fits")
        case VK_ERROR_EXTENSION_NOT_PRESENT: (.unsupported, "an extension is missing")
        case VK_ERROR_FEATURE_NOT_PRESENT: (.unsupported, "a feature is missing")
        case VK_ERROR_LAYER_NOT_PRESENT: (.unsupported, "a layer is missing")
        case VK_ERROR_MEMORY_MAP_FAILED: (.outOfMemory, "memory could not be mapped")
        default: (.backend, "Vulkan error \(result.rawValue)")
        }
    throw HadalError(code, bytes > 0 ? "\(what()) of \(bytes) bytes failed: \(text)" : "\(what()) failed: \(text)")
}
