import CHadalPlugin
import HadalCore

/// A plugin whose query was answered and whose table passed every check.
///
/// Thread safety: immutable. The library stays loaded for the life of the process: its threads may still be running, and images with
/// a Swift runtime in them cannot be unloaded.
package final class LoadedPlugin: Sendable {
    /// The library's file, or nil for a table from within the process.
    package let path: String?
    /// The ABI version that both sides agreed on.
    package let abiVersion: Int
    /// What the plugin says it speaks.
    package let abiRange: ClosedRange<Int>
    package let table: PluginTable

    package var name: String { table.name }
    package var version: String { table.version }
    package var capabilities: BackendCapabilities { table.capabilities }

    init(path: String?, abiVersion: Int, abiRange: ClosedRange<Int>, table: PluginTable) {
        self.path = path
        self.abiVersion = abiVersion
        self.abiRange = abiRange
        self.table = table
    }
}
