import Foundation
import HadalArchitecture
import HadalBackend
import HadalCore
import HadalGraph

/// Where plugins, architecture descriptions and kernels come from: the caller's directories, the environment's, the install's.
public struct EngineEnvironment: Sendable {
    /// Searched before `HADAL_PLUGIN_PATH` and the installation's own directories.
    public var pluginPaths: [String]
    /// Searched before `HADAL_ARCHITECTURE_PATH` and the built-in descriptions.
    public var architecturePaths: [String]
    /// Searched before `HADAL_KERNEL_PATH`; ops of the installation come last.
    public var kernelPaths: [String]

    public init(pluginPaths: [String] = [], architecturePaths: [String] = [], kernelPaths: [String] = []) {
        self.pluginPaths = pluginPaths
        self.architecturePaths = architecturePaths
        self.kernelPaths = kernelPaths
    }

    private static func list(_ variable: String) -> [String] {
        (ProcessInfo.processInfo.environment[variable] ?? "").split(separator: ":").map(String.init)
    }

    /// The op contracts: later folders would replace earlier ones, so the caller's own come last.
    public func catalogue() throws -> OpCatalogue {
        try OpCatalogue.load(adding: (kernelPaths + Self.list("HADAL_KERNEL_PATH")).reversed())
    }

    public func architectures() throws -> ArchitectureLibrary {
        try ArchitectureLibrary(directories: architecturePaths + Self.list("HADAL_ARCHITECTURE_PATH"))
    }

    public func backends() -> BackendRegistry {
        BackendRegistry(pluginPaths: pluginPaths)
    }
}
