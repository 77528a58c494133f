import ArgumentParser
import Hadal

struct BackendsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backends", abstract: "List backends, their devices and options, and what cannot be loaded and why.")

    @OptionGroup var search: SearchOptions
    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let registry = search.environment.backends()
        if json { return Terminal.json(registry.json()) }
        Terminal.line(registry.text(details: search.verbose))
    }
}

struct PluginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plugin", abstract: "Check a backend plugin.", subcommands: [CheckCommand.self])

    struct CheckCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check", abstract: "Run the conformance kit on a plugin: every op it claims, against the reference backend.")

        @Argument(help: ArgumentHelp("The plugin's shared library.", valueName: "file"))
        var file: String
        @OptionGroup var search: SearchOptions
        @Option(help: ArgumentHelp("Check only these ops.", valueName: "op"))
        var op: [String] = []
        @Option(help: ArgumentHelp("Seed of the random operands.", valueName: "n"))
        var seed: UInt64 = 1
        @Option(help: ArgumentHelp("Most cases an op; 0: all.", valueName: "n"))
        var cases = 64
        @Option(help: ArgumentHelp("Set an option of the plugin.", valueName: "option=value"))
        var set: [String] = []
        @Flag(help: "Print JSON.")
        var json = false

        func run() throws {
            let report = try PluginCheck.run(
                file: file, environment: search.environment, ops: op, seed: seed, casesPerOp: cases, settings: set)
            if json { Terminal.json(report.json()) } else { Terminal.line(report.text()) }
            if !report.passed { throw Failure() }
        }
    }
}
