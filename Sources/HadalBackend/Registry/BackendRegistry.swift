#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import HadalCore
import Synchronization

/// The backends of this process: those registered by the program, and plugins found in directories.
///
/// Plugins load only from places that the user named, first `pluginPaths`, then `HADAL_PLUGIN_PATH`, and then from those that the
/// installation owns. Asking for one backend loads no more files than it must; listing loads all of them. A file that cannot be used
/// is listed with the reason and disturbs no other.
///
/// Thread safety: any thread.
package final class BackendRegistry: Sendable {
    /// A backend that can be used.
    package struct Entry: Sendable {
        package let backend: any Backend
        /// The plugin that it comes from; nil for one that the program registered.
        package let plugin: LoadedPlugin?
    }

    /// Something that looked like a plugin, or should be there, and cannot be used.
    package struct Unavailable: Sendable, Equatable {
        /// The backend's name as far as it is known.
        package var name: String?
        package var path: String?
        package var reason: String
    }

    /// Backends that every installation has, so that a missing file is noticed.
    package static let standard = ["cpu", "reference"]

    struct State {
        var registered: [any Backend] = []
        /// Every file that was tried, by what it resolves to.
        var loaded: [String: Result<LoadedPlugin, HadalError>] = [:]
    }

    let directories: [PluginDirectory]
    private let expected: [String]
    let state = Mutex(State())

    /// - Parameters:
    ///   - pluginPaths: directories, or plugin files, that the user named; they come first.
    ///   - searchPath: the same, joined by colons.
    ///   - installDirectories: directories that the installation owns; nil for those beside the binary.
    ///   - expected: names whose absence is listed.
    package init(
        pluginPaths: [String] = [], searchPath: String? = BackendRegistry.environmentPath, installDirectories: [String]? = nil,
        expected: [String] = BackendRegistry.standard
    ) {
        let named = pluginPaths + (searchPath ?? "").split(separator: ":").map(String.init)
        let own = installDirectories ?? BackendRegistry.installDirectories
        var seen: Set<String> = []
        directories = (named.map { PluginDirectory(path: $0, origin: .user) } + own.map { PluginDirectory(path: $0, origin: .install) })
            .filter { !$0.path.isEmpty && seen.insert(PluginDirectory.identity(of: $0.path)).inserted }
        self.expected = expected
    }

    package static var environmentPath: String? { getenv("HADAL_PLUGIN_PATH").map { String(cString: $0) } }

    /// Where this installation keeps plugins.
    package static var installDirectories: [String] {
        let own = Installation.directory
        return [own, "\(own)/plugins", "\(own)/../lib/hadal"]
    }

    /// Adds a backend that is linked into the program. It comes before every plugin.
    ///
    /// - Throws: `.invalidArgument` when the name is not legal or taken by another registered backend.
    package func register(_ backend: any Backend) throws {
        guard PluginTable.isLegal(name: backend.name) else {
            throw HadalError(.invalidArgument, "'\(backend.name)' is not a legal name for a backend")
        }
        try state.withLock { state in
            guard !state.registered.contains(where: { $0.name == backend.name }) else {
                throw HadalError(.invalidArgument, "a backend named '\(backend.name)' is registered already")
            }
            state.registered.append(backend)
        }
    }

    // MARK: listing

    /// Everything that there is, loading every candidate.
    package func list() -> (available: [Entry], unavailable: [Unavailable]) {
        state.withLock { state in
            var available = state.registered.map { Entry(backend: $0, plugin: nil) }
            var unavailable: [Unavailable] = []
            var seen: Set<String> = []
            for directory in directories {
                let (files, problem) = directory.candidates()
                if let problem { unavailable.append(Unavailable(name: nil, path: directory.path, reason: problem)) }
                var loaded: [LoadedPlugin] = []
                for file in files where seen.insert(PluginDirectory.identity(of: file)).inserted {
                    switch BackendRegistry.load(file, &state) {
                    case .success(let plugin): loaded.append(plugin)
                    case .failure(let error):
                        unavailable.append(
                            Unavailable(name: BackendRegistry.name(ofFile: file), path: file, reason: BackendRegistry.reason(error)))
                    }
                }
                // The file that bears a plugin's name goes before others that claim it, here as in `find`.
                let order = loaded.filter(BackendRegistry.bearsItsName) + loaded.filter { !BackendRegistry.bearsItsName($0) }
                for plugin in order {
                    if let other = available.first(where: { $0.backend.name == plugin.name }) {
                        let claimant = other.plugin?.path.map { "'\($0)'" } ?? "a backend that is part of the program"
                        let reason =
                            "duplicate name '\(plugin.name)': '\(plugin.path ?? "")' and \(claimant) both claim it; the latter is used"
                        unavailable.append(Unavailable(name: plugin.name, path: plugin.path, reason: reason))
                    } else {
                        available.append(Entry(backend: PluginBackend(plugin), plugin: plugin))
                    }
                }
            }
            for name in expected
            where !available.contains(where: { $0.backend.name == name }) && !unavailable.contains(where: { $0.name == name }) {
                unavailable.append(Unavailable(name: name, path: nil, reason: missing(name)))
            }
            return (available, unavailable)
        }
    }

    func missing(_ name: String) -> String {
        "its file \(PluginDirectory.fileName(for: name)) is in none of \(directories.map(\.path).joined(separator: ", "))"
    }

    static func name(ofFile path: String) -> String? {
        let file = path.split(separator: "/").last.map(String.init) ?? path
        guard file.hasPrefix("libhadal-"), file.hasSuffix(".so") else { return nil }
        return String(file.dropFirst("libhadal-".count).dropLast(".so".count))
    }

    static func bearsItsName(_ plugin: LoadedPlugin) -> Bool { plugin.path.flatMap(name(ofFile:)) == plugin.name }

    /// The error without the path, which the listing gives beside it.
    private static func reason(_ error: HadalError) -> String { error.message + (error.hint.map { " (\($0))" } ?? "") }

    /// Loads a file once; later calls give the same answer.
    static func load(_ path: String, _ state: inout State) -> Result<LoadedPlugin, HadalError> {
        let key = PluginDirectory.identity(of: path)
        if let known = state.loaded[key] { return known }
        let result: Result<LoadedPlugin, HadalError>
        do { result = .success(try PluginLoader.load(path: path)) } catch let error as HadalError { result = .failure(error) } catch {
            result = .failure(HadalError(.backend, "\(error)", at: SourcePlace(path)))
        }
        state.loaded[key] = result
        return result
    }
}
