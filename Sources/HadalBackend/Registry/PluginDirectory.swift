#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import HadalCore

/// A place where plugins are looked for.
struct PluginDirectory: Sendable {
    enum Origin: Sendable { case user, install }

    let path: String
    let origin: Origin

    /// The name of the file that a plugin called `name` is expected in.
    static func fileName(for name: String) -> String { "libhadal-\(name).so" }

    /// Files worth loading, sorted by name.
    ///
    /// Everywhere `libhadal-*.so`. In a place that the user named, also every other `.so` whose symbol table exports the query, which
    /// is read without loading it; a path to a file stands for that file, whatever its name.
    /// - Returns: the files, and the reason when a place that the user named cannot be listed.
    func candidates() -> (files: [String], problem: String?) {
        var info = stat()
        guard stat(path, &info) == 0 else {
            return ([], origin == .user ? "cannot be opened: \(String(cString: strerror(errno)))" : nil)
        }
        if info.st_mode & S_IFMT != S_IFDIR { return origin == .user ? ([path], nil) : ([], nil) }
        guard let directory = opendir(path) else {
            return ([], origin == .user ? "cannot be listed: \(String(cString: strerror(errno)))" : nil)
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) { String(cString: $0) }
            }
            guard name.hasSuffix(".so") else { continue }
            if name.hasPrefix("libhadal-") {
                names.append(name)
            } else if origin == .user, let file = try? SharedObjectFile(path: "\(path)/\(name)"), file.exports("hadal_plugin_query") == true
            {
                names.append(name)
            }
        }
        return (names.sorted().map { "\(path)/\($0)" }, nil)
    }

    /// The same file under whatever name, or the path itself where it does not resolve.
    static func identity(of path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
