import ArgumentParser
import Foundation
import Hadal
import HadalCache
import HadalCore

struct CacheCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache", abstract: "Look after a directory of cached state.",
        discussion: "Such a directory holds the state of prompts that were computed, for later runs: docs/serving.md.",
        subcommands: [ListCommand.self, VerifyCommand.self, ClearCommand.self])

    /// Which directory, and how it is reported.
    struct Options: ParsableArguments {
        @Option(help: ArgumentHelp("The cache directory (required).", valueName: "dir"))
        var cacheDir: String?
        @Flag(help: "Print JSON.")
        var json = false

        func validate() throws {
            if cacheDir == nil {
                throw ValidationError(
                    "--cache-dir DIR is required: the cache is kept on disk only in a directory that you name.")
            }
        }

        func directory() throws -> CacheDirectory { try CacheDirectory(cacheDir ?? "") }
    }

    struct ListCommand: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List the models whose state a directory holds.")

        @OptionGroup var options: Options

        func run() throws {
            let directory = try options.directory()
            let models = directory.list()
            if options.json {
                return Terminal.json([
                    "directory": JSON(.string(directory.path)), "models": JSON(.array(models.map(\.json))),
                    "blocks": JSON(.int(Int64(models.reduce(0) { $0 + $1.blocks }))),
                    "bytes": JSON(.int(Int64(models.reduce(0) { $0 + $1.bytes }))),
                ])
            }
            Terminal.line("in \(directory.path)")
            Terminal.line(models.isEmpty ? "  nothing yet" : Terminal.table(models.map(\.row)))
        }
    }

    struct VerifyCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify", abstract: "Read every block of a directory and remove those that are damaged.",
            discussion:
                "Of sealed blocks only the lengths are checked: the rest requires the key. Exit status 1 when any block was damaged.")

        @OptionGroup var options: Options

        func run() throws {
            let progress = Progress("verify")
            let result = try options.directory().verify { progress.update($0) }
            progress.finish()
            if options.json { Terminal.json(result.json) } else { Terminal.line(result.text) }
            if !result.bad.isEmpty { throw Failure() }
        }
    }

    struct ClearCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "clear", abstract: "Remove all cached state from a directory, and nothing else.")

        @OptionGroup var options: Options

        func run() throws {
            let removed = try options.directory().clear()
            if options.json {
                return Terminal.json(["blocks": JSON(.int(Int64(removed.blocks))), "bytes": JSON(.int(Int64(removed.bytes)))])
            }
            Terminal.line("removed \(removed.blocks) blocks, \(Terminal.bytes(removed.bytes))")
        }
    }
}
