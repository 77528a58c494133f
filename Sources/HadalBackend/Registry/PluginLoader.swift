package import CHadalPlugin
import CHadalSystem
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import HadalCore

/// Loads plugin libraries and negotiates the ABI. Nothing but the query is called before every check has passed.
package enum PluginLoader {
    /// The ABI versions that this host speaks.
    package static let abiRange = 1...Int(HADAL_ABI_VERSION)

    /// Loads the library at `path`.
    ///
    /// - Throws: `HadalError` whose message is the reason why it cannot be used: not a shared library, truncated, a missing dependency
    ///   (the loader's own words), no query symbol, no common ABI version, a required function missing, and so on.
    package static func load(path: String) throws -> LoadedPlugin {
        let place = SourcePlace(path)
        // dlopen searches the system's directories for a name without a slash.
        guard let resolved = realpath(path, nil) else {
            throw HadalError(errno == ENOENT ? .notFound : .io, "cannot open: \(String(cString: strerror(errno)))", at: place)
        }
        defer { free(resolved) }
        // The dynamic linker maps a file as its headers say and takes SIGBUS or worse where it ends early: look first.
        let file = try SharedObjectFile(path: String(cString: resolved))
        if file.exports(HADAL_SYMBOL_QUERY) == false { throw noQuery(place) }
        guard let handle = dlopen(resolved, hadal_system_plugin_dlopen_flags()) else {
            throw HadalError(.unsupported, "cannot be loaded: \(dlerror().map { String(cString: $0) } ?? "no reason given")", at: place)
        }
        guard let symbol = dlsym(handle, HADAL_SYMBOL_QUERY) else { throw noQuery(place) }
        let query = unsafeBitCast(symbol, to: (@convention(c) (UnsafeMutablePointer<hadal_query>?) -> Void).self)
        do { return try load(query: { query($0) }, path: path) } catch let error as HadalError { throw error.located(at: place) }
    }

    /// Negotiates with a query function that is already in the process.
    ///
    /// The tables that it hands out must live as long as what is returned.
    package static func load(query: (UnsafeMutablePointer<hadal_query>) -> Void, path: String? = nil) throws -> LoadedPlugin {
        var answer = hadal_query()
        answer.size = UInt32(MemoryLayout<hadal_query>.size)
        answer.host_abi_minimum = UInt32(abiRange.lowerBound)
        answer.host_abi_maximum = UInt32(abiRange.upperBound)
        query(&answer)

        let (minimum, maximum) = (Int(answer.plugin_abi_minimum), Int(answer.plugin_abi_maximum))
        guard minimum <= maximum else {
            throw HadalError(.malformed, "the plugin gives its ABI versions as \(minimum) to \(maximum)")
        }
        guard minimum <= abiRange.upperBound, maximum >= abiRange.lowerBound else {
            throw HadalError(
                .unsupported,
                "the plugin speaks ABI \(text(minimum...maximum)) and this host \(text(abiRange))",
                hint: maximum < abiRange.lowerBound ? "rebuild the plugin against this version's hadal_plugin.h" : "it needs a newer Hadal")
        }
        let agreed = Int(answer.abi_version)
        guard (max(minimum, abiRange.lowerBound)...min(maximum, abiRange.upperBound)).contains(agreed) else {
            throw HadalError(
                .malformed,
                "the plugin chose ABI version \(agreed); it speaks \(text(minimum...maximum)) and this host \(text(abiRange))")
        }
        guard let table = answer.plugin else { throw HadalError(.malformed, "the plugin answered the query without a function table") }
        return LoadedPlugin(path: path, abiVersion: agreed, abiRange: minimum...maximum, table: try PluginTable(table))
    }

    private static func text(_ range: ClosedRange<Int>) -> String {
        range.count == 1 ? "version \(range.lowerBound)" : "versions \(range.lowerBound) to \(range.upperBound)"
    }

    private static func noQuery(_ place: SourcePlace) -> HadalError {
        HadalError(.unsupported, "not a Hadal plugin: it does not export \(HADAL_SYMBOL_QUERY)", at: place)
    }
}
