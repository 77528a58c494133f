import Foundation
import PackagePlugin

/// Has `OperatorTable.all` made from the files of the folder `Ops`, so that an op is added by adding its file.
@main
struct OperatorTablePlugin: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: Target) throws -> [Command] {
        guard let target = target as? SwiftSourceModuleTarget else { return [] }
        let files = target.sourceFiles(withSuffix: ".swift").map(\.url).filter { $0.deletingLastPathComponent().lastPathComponent == "Ops" }
            .sorted { $0.path < $1.path }
        let table = context.pluginWorkDirectoryURL.appendingPathComponent("OperatorTable.swift")
        let types = files.map { $0.deletingPathExtension().lastPathComponent }
        return [
            .buildCommand(
                displayName: "Listing \(types.count) operators", executable: try context.tool(named: "make-source").url,
                arguments: ["operators", table.path] + types, inputFiles: files, outputFiles: [table])
        ]
    }
}
