import ArgumentParser
import Hadal

struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show where each op would run, why, and the memory it takes.",
        discussion: "Reads the header only: works on a model too large to load.")

    @OptionGroup var model: ModelOptions
    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let forecast = try EngineForecast(path: try ModelStore.resolve(model.model), options: model.engineOptions())
        if json { return Terminal.json(forecast.json()) }
        for reason in forecast.description.graph.reasons { Terminal.line(reason) }
        Terminal.line("backend \(forecast.backend), fallback \(model.fallback.rawValue)")
        let nodes = forecast.description.graph.main.nodes
        Terminal.line("\nplacement")
        Terminal.line(Terminal.table(forecast.plan.parts.map { part in
            let first = nodes[part.nodes.lowerBound].label
            let last = nodes[part.nodes.upperBound - 1].label
            return ["  \(forecast.plan.devices[part.device])", "\(part.nodes.count) ops", first == last ? first : "\(first) … \(last)"]
        }))
        for move in forecast.plan.moves {
            Terminal.line("  \(move.label) (\(move.op)) moves from \(move.from) to \(move.to): \(move.reason)")
        }
        Terminal.line("  \(forecast.plan.copies) copies between devices a step")
        Terminal.line("\nmemory")
        Terminal.line(Terminal.table([
            ["  weights", Terminal.bytes(forecast.weightBytes)],
            ["  cache", Terminal.bytes(forecast.cacheBytes), "for \(forecast.contextLength) tokens, \(Terminal.bytes(forecast.cacheBytesPerToken)) each; taken as it fills"],
            ["  free now", forecast.freeBytes.map { Terminal.bytes($0) } ?? "unknown"],
        ]))
        if let free = forecast.freeBytes, forecast.weightBytes > free {
            Terminal.line("  the weights do not fit the free memory")
        }
    }
}
