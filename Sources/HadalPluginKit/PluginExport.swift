public import CHadalPlugin
public import HadalBackend
import HadalCore
import Synchronization

/// A Swift `Backend` as the function table of the plugin ABI.
///
/// All that a plugin needs beside its backend:
///
///     @_cdecl("hadal_plugin_query")
///     public func query(_ query: UnsafeMutablePointer<hadal_query>?) {
///         PluginExport.answer(query, backend: MyBackend.init)
///     }
///
/// Errors thrown by the backend become error objects. `execute` allocates nothing: it calls `Executable.execute` with an `Execution`
/// made of the pointers that came in, which checks the step. Buffers cross as the objects themselves, retained, so that a backend reads a
/// binding's buffer with `Unmanaged<ItsBuffer>.fromOpaque`.
///
/// Thread safety: immutable. The table and everything that it points to live as long as the object; those made by the static
/// `answer` live for ever.
public final class PluginExport: @unchecked Sendable {
    /// The ABI versions that this kit speaks.
    public static let abiRange = 1...Int(HADAL_ABI_VERSION)

    public let backend: any Backend
    public let table: UnsafePointer<hadal_plugin>
    let strings = InternPool()
    private let arena = ForeignArena()

    public init(_ backend: any Backend) {
        self.backend = backend
        var table = hadal_plugin()
        table.size = UInt32(MemoryLayout<hadal_plugin>.size)
        table.capabilities = backend.capabilities.rawValue
        table.name = arena.string(backend.name)
        table.version = arena.string(backend.version)
        table.description = arena.string(backend.summary)
        let options = backend.options.map { [arena] in PluginExport.spec($0, arena) }
        table.options = UnsafePointer(arena.array(options))
        table.option_count = UInt32(options.count)
        table.option_stride = UInt32(MemoryLayout<hadal_option_spec>.stride)
        PluginExport.fill(&table, buffers: backend.ownsMemory)
        let pointer = arena.value(table)
        self.table = UnsafePointer(pointer)
        // Unretained: whoever holds the table holds this object.
        pointer.pointee.context = Unmanaged.passUnretained(self).toOpaque()
    }

    /// Answers a host's query with this table.
    public func answer(_ query: UnsafeMutablePointer<hadal_query>?) {
        PluginExport.answer(query) { table }
    }

    private static let exports = Mutex<[ObjectIdentifier: PluginExport]>([:])

    /// Answers a host's query for the one backend of type `B` in this library, which is made the first time.
    public static func answer<B: Backend>(_ query: UnsafeMutablePointer<hadal_query>?, backend: () -> B) {
        answer(query) {
            exports.withLock { exports in
                if let known = exports[ObjectIdentifier(B.self)] { return known.table }
                let export = PluginExport(backend())
                exports[ObjectIdentifier(B.self)] = export
                return export.table
            }
        }
    }

    private static func answer(_ query: UnsafeMutablePointer<hadal_query>?, table: () -> UnsafePointer<hadal_plugin>) {
        guard let query, Int(query.pointee.size) >= MemoryLayout<hadal_query>.size else { return }
        query.pointee.plugin_abi_minimum = UInt32(abiRange.lowerBound)
        query.pointee.plugin_abi_maximum = UInt32(abiRange.upperBound)
        let lower = max(Int(query.pointee.host_abi_minimum), abiRange.lowerBound)
        let upper = min(Int(query.pointee.host_abi_maximum), abiRange.upperBound)
        query.pointee.abi_version = lower <= upper ? UInt32(upper) : 0
        query.pointee.plugin = lower <= upper ? table() : nil
    }

    private static func spec(_ option: OptionSpec, _ arena: ForeignArena) -> hadal_option_spec {
        var spec = hadal_option_spec()
        spec.size = UInt32(MemoryLayout<hadal_option_spec>.size)
        spec.kind = option.kind.rawValue
        spec.name = arena.string(option.name)
        spec.help = arena.string(option.help)
        switch option.defaultValue {
        case .bool(let b): spec.default_int = b ? 1 : 0
        case .int(let i): spec.default_int = i
        case .float(let d): spec.default_float = d
        case .string(let s): spec.default_string = arena.string(s)
        }
        if let minimum = option.minimum {
            spec.range |= UInt32(HADAL_RANGE_MINIMUM)
            spec.minimum = minimum
        }
        if let maximum = option.maximum {
            spec.range |= UInt32(HADAL_RANGE_MAXIMUM)
            spec.maximum = maximum
        }
        let choices = option.choices.map { Optional(arena.string($0)) }
        spec.choice_count = UInt32(choices.count)
        spec.choices = UnsafePointer(arena.array(choices))
        return spec
    }
}
