/// `hadal_plugin.h` as a resource: a target needs a source file of its own.
enum PluginHeader {
    static let name = "hadal_plugin.h"
}
