import ArgumentParser
import Foundation
import Hadal
import HadalGraph

struct KernelNewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new", abstract: "Create an op: a folder with a contract and kernels that already pass their tests.",
        discussion: "The new op is elementwise; its comments and docs/kernel-tools.md say what to change.")

    @Argument(help: ArgumentHelp("The op's name: lower-case letters, digits and _.", valueName: "op"))
    var op: String
    @Option(name: .customShort("o"), help: ArgumentHelp("Directory for the new op folder.", valueName: "dir"))
    var output = "kernels"
    @OptionGroup var search: SearchOptions

    func run() throws {
        try KernelTemplate.check(op)
        if let known = try search.environment.catalogue().contracts[op] {
            throw HadalError(
                .invalidArgument, "there is an op '\(op)' already", at: SourcePlace("\(known.folder)/op.json"),
                hint: "to change how it is computed, copy the folder and edit its kernels")
        }
        let folder = "\(output)/\(op)"
        guard !FileManager.default.fileExists(atPath: folder) else {
            throw HadalError(.io, "cannot create: it is there already", at: SourcePlace(folder))
        }
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for (name, text) in KernelTemplate.files(op) { try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8) }
        } catch { throw HadalError(.io, "cannot write: \(error.localizedDescription)", at: SourcePlace(folder)) }
        let directory = KernelOptions.shell([output])
        Terminal.line(
            """
            \(folder)/op.json       the contract: operands, attributes, tolerance, test cases, a reference
            \(folder)/cpu.c         how the cpu backend computes it
            \(folder)/vulkan.comp   how the vulkan backend computes it

            hadal kernels test \(op) --kernels \(directory)
            hadal kernels watch \(op) --kernels \(directory)
            """)
    }
}
