package import CHadalPlugin
import HadalCPU
import HadalPluginKit

/// What the host looks for in `libhadal-cpu.so`. A target of its own: a program that links several backends may not have this
/// symbol twice.
@_cdecl("hadal_plugin_query")
package func query(_ query: UnsafeMutablePointer<hadal_query>?) {
    PluginExport.answer(query, backend: CPUBackend.init)
}
