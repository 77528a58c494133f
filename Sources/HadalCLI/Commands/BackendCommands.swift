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
        Terminal.line(BackendListing.text(registry))
    }
}

