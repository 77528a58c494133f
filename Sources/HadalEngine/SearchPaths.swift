import Foundation
package import HadalArchitecture
public import HadalBackend
package import HadalCore
package import HadalGraph

/// Where plugins, architecture descriptions and kernels come from: the caller's directories, the environment's, the install's.
public struct SearchPaths: Sendable {
    /// Searched before `HADAL_PLUGIN_PATH` and the installation's own directories.
    public var pluginPaths: [String]
    /// Searched before `HADAL_ARCHITECTURE_PATH` and the built-in descriptions.
    public var architecturePaths: [String]
    /// Searched before `HADAL_KERNEL_PATH`; ops of the installation come last.
    public var kernelPaths: [String]

    /// Backends linked into the program; they come before every plugin.
    public var backends: [any Backend]

    public init(
        pluginPaths: [String] = [], architecturePaths: [String] = [], kernelPaths: [String] = [], backends: [any Backend] = []
    ) {
        self.pluginPaths = pluginPaths
        self.architecturePaths = architecturePaths
        self.kernelPaths = kernelPaths
        self.backends = backends
    }

    private static func list(_ variable: String) -> [String] {
        (ProcessInfo.processInfo.environment[variable] ?? "").split(separator: ":").map(String.init)
    }

    /// Every directory of op folders but the installation's own, first things first.
    package var kernelDirectories: [String] { kernelPaths + Self.list("HADAL_KERNEL_PATH") }

    /// The op contracts: later folders would replace earlier ones, so the caller's own come last.
    package func catalogue() throws -> OpCatalogue {
        try OpCatalogue.load(adding: kernelDirectories.reversed())
    }

    package func architectures() throws -> ArchitectureLibrary {
        try ArchitectureLibrary(directories: architecturePaths + Self.list("HADAL_ARCHITECTURE_PATH"))
    }

    /// - Throws: `invalidArgument` when two of `backends` have one name.
    /// The devices of every backend that there is, those of `backends` included; `name` is what `EngineOptions.backend` takes.
    ///
    /// A backend whose devices cannot be listed has none here.
    public func devices() throws -> [(name: String, device: DeviceInfo)] {
        try registry().list().available.flatMap { entry in
            ((try? entry.backend.devices()) ?? []).enumerated().map { ("\(entry.backend.name):\($0.offset)", $0.element) }
        }
    }

    package func registry() throws -> BackendRegistry {
        let registry = BackendRegistry(pluginPaths: pluginPaths)
        for backend in backends { try registry.register(backend) }
        return registry
    }

    /// Options to open a device with: those given, and the directories of op folders for a backend that publishes an option for them, unless it is
    /// given already.
    ///
    /// - Throws: `invalidArgument` for a directory that cannot be passed on.
    package func addingKernels(to options: [String: OptionValue], for backend: any Backend) throws -> [String: OptionValue] {
        let directories = kernelDirectories
        guard !directories.isEmpty, options[WellKnownOption.kernels.name] == nil,
            WellKnownOption.kernels.isPublished(by: backend)
        else { return options }
        if let bad = directories.first(where: { $0.contains(":") }) {
            throw HadalError(.invalidArgument, "a kernel directory's path may not contain a colon", at: SourcePlace(bad))
        }
        var options = options
        options[WellKnownOption.kernels.name] = .string(directories.joined(separator: ":"))
        return options
    }
}
