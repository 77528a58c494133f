package import CHadalPlugin
import HadalPluginKit
import HadalVulkan

/// What the host looks for in `libhadal-vulkan.so`. A target of its own: a program that links several backends may not have
/// this symbol twice.
@_cdecl("hadal_plugin_query")
package func query(_ query: UnsafeMutablePointer<hadal_query>?) {
    PluginExport.answer(query, backend: VulkanBackend.init)
}
