import Foundation
import PackagePlugin

/// Makes a string of each JSON file of a target, so that the program needs no file beside it for them: `EmbeddedText.<name>`.
///
/// SwiftPM's own `embedInCode` writes an array of bytes, which takes the compiler a second for every few kilobytes.
@main
struct EmbeddedTextPlugin: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: Target) throws -> [Command] {
        guard let target = target as? SwiftSourceModuleTarget else { return [] }
        let files = target.sourceFiles(withSuffix: ".json").map(\.url).sorted { $0.path < $1.path }
        let source = context.pluginWorkDirectoryURL.appendingPathComponent("EmbeddedText.swift")
        return [
            .buildCommand(
                displayName: "Embedding \(files.count) texts", executable: try context.tool(named: "make-source").url,
                arguments: ["texts", source.path] + files.map(\.path), inputFiles: files, outputFiles: [source])
        ]
    }
}
