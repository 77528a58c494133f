import ArgumentParser
import Hadal
import HadalArchitecture
import HadalCore

struct ArchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "arch", abstract: "Work with architecture descriptions.",
        subcommands: [ListCommand.self, ShowCommand.self, CheckCommand.self, GraphCommand.self])

    struct ListCommand: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List the known architectures.")
        @OptionGroup var search: SearchOptions
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            let list = try search.environment.architectures().list
            if json {
                Terminal.json(
                    JSON(
                        .array(
                            list.map {
                                ["name": JSON(.string($0.name)), "path": JSON(.string($0.path)), "built_in": JSON(.bool($0.isBuiltIn))]
                            })))
            } else {
                Terminal.line(Terminal.table(list.map { [$0.name, $0.isBuiltIn ? "built in" : $0.path] }))
            }
        }
    }

    struct ShowCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Print a description merged with all descriptions it extends.")
        @Argument(help: ArgumentHelp("A known architecture, or a file.", valueName: "name")) var name: String
        @OptionGroup var search: SearchOptions

        func run() throws {
            let library = try search.environment.architectures()
            let isFile = name.contains("/") || name.hasSuffix(".json")
            let description = isFile ? try library.description(file: name) : try library.description(named: name)
            Terminal.json(description.json)
        }
    }

    struct CheckCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check", abstract: "Check a description: keys, expressions, names, ops, attributes.")
        @Argument(help: ArgumentHelp("The description.", valueName: "file")) var file: String
        @OptionGroup var search: SearchOptions

        func run() throws {
            let report = try search.environment.architectures().check(file: file, catalogue: try search.environment.catalogue())
            for problem in report.problems { Terminal.error(problem.commandLine) }
            for note in report.notes { Terminal.note(note) }
            guard report.problems.isEmpty else { throw Failure() }
            Terminal.line(
                "\(file): \(report.name) can be used: \(report.parameterCount) parameters, \(report.weightCount) weights, "
                    + "graphs \(report.graphNames.joined(separator: ", "))")
        }
    }

    struct GraphCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "graph", abstract: "Print a model's graph, one line per node.")
        @Argument(help: ArgumentHelp("A GGUF file, a Hugging Face directory, or a catalogue name.", valueName: "model")) var model: String
        @OptionGroup var search: SearchOptions
        @Option(help: ArgumentHelp("An architecture description that overrides detection.", valueName: "file")) var architecture: String?
        @Option(help: ArgumentHelp("Name of the graph.", valueName: "name")) var graph = "main"
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            let description = try search.describe(model, architecture: architecture)
            guard let graph = description.graph.graphs[graph] else {
                throw HadalError(
                    .notFound, "no graph '\(graph)'", hint: "graphs: \(description.graph.graphs.keys.sorted().joined(separator: ", "))")
            }
            if json { return Terminal.json(GraphListing.json(graph)) }
            for reason in description.graph.reasons { Terminal.note(reason) }
            Terminal.line(GraphListing.text(graph, weights: description.graph.weights))
        }
    }
}
