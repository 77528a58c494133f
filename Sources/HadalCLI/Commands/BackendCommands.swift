import ArgumentParser
import Hadal
import HadalCore

struct BackendsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backends", abstract: "List backends, their devices and options, and plugins that cannot be loaded and why.")

    @OptionGroup var search: SearchOptions
    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let registry = try search.environment.registry()
        if json { return Terminal.json(registry.json()) }
        Terminal.line(BackendListing.text(registry))
    }
}
