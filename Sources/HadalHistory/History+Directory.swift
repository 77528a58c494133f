import HadalCore
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension History {
    /// `HADAL_HISTORY`, else `$XDG_DATA_HOME/hadal/history`, else `~/.local/share/hadal/history`. Empty variables count as unset.
    ///
    /// The directory belongs to the history alone: nobody else is let into it.
    ///
    /// - Throws: `notFound` where all of them are unset.
    package static func defaultDirectory() throws -> String {
        try defaultDirectory { name in getenv(name).map { String(cString: $0) } }
    }

    package static func defaultDirectory(environment: (String) -> String?) throws -> String {
        func set(_ name: String) -> String? { environment(name).flatMap { $0.isEmpty ? nil : $0 } }
        if let own = set("HADAL_HISTORY") { return trimmed(own) }
        // The base directory specification tells readers to ignore a relative path here.
        if let data = set("XDG_DATA_HOME"), data.hasPrefix("/") { return trimmed(data) + "/hadal/history" }
        if let home = set("HOME") { return trimmed(home) + "/.local/share/hadal/history" }
        throw HadalError(.notFound, "the history directory is unknown: HADAL_HISTORY, XDG_DATA_HOME and HOME are all unset")
    }

    private static func trimmed(_ path: String) -> String {
        var path = Substring(path)
        while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
        return path == "/" ? "" : String(path)
    }
}
