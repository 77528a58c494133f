import ArgumentParser
import Foundation
import Hadal
import HadalCore

struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show which backend each op would run on, why, and the memory it takes.",
        discussion: """
            Reads only the header, so it works for models too large to load. Where experts are to be read from disk, also reads some to measure it.
            hadal plan M --place "experts=cpu,rest=vulkan" -o plan.json writes a placement that every command accepts with --plan plan.json.
            """)

    @OptionGroup var model: ModelOptions
    @Option(name: .shortAndLong, help: ArgumentHelp("Write the placement to a file for --plan.", valueName: "file"))
    var output: String?
    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        if let output { try OutputFile.check(output) }
        let plan = try LoadPlan(path: try ModelStore.resolve(model.model), options: try model.engineOptions())
        let placement = try plan.requirePlacement()
        if let output {
            let text = try plan.placementRules().fileText
            do { try text.write(toFile: output, atomically: false, encoding: .utf8) } catch {
                throw HadalError(.io, "cannot write the plan", at: SourcePlace(output))
            }
        }
        let readRate = plan.expertMemory == nil ? nil : plan.measureExpertReads()
        if json {
            let text = plan.obstacle.map { ["obstacle": JSON(.string($0.commandLine))] as JSON }
            let json = try plan.json(expertReadRate: readRate)
            return Terminal.json(text.map(json.mergePatched) ?? json)
        }
        for reason in plan.description.reasons { Terminal.line(reason) }
        Terminal.line("backend \(plan.backend), fallback \(model.fallback.rawValue)")
        for line in PlanListing.placement(placement, of: plan) { Terminal.line(line) }
        Terminal.line("\nmemory")
        Terminal.line(Terminal.table(PlanListing.memory(plan)))
        if let text = PlanListing.devices(plan) { Terminal.line(text) }
        if let experts = plan.experts { describe(experts, plan, readRate) }
        if let obstacle = plan.obstacle { Terminal.line("\nthis cannot be loaded: \(obstacle.commandLine)") }
        if let output { Terminal.note("the placement is in \(output)") }
    }

    private func describe(_ experts: ExpertCosts, _ plan: LoadPlan, _ readRate: Double?) {
        Terminal.line("\nexperts")
        guard experts.layers > 0 else {
            return Terminal.line("  those of all \(experts.fixedLayers) layers stay in memory: they are not stored one by one")
        }
        var rows = [
            ["  all", Terminal.bytes(experts.totalBytes), "\(experts.experts) experts in \(experts.layers) layers"],
            ["  one", Terminal.bytes(experts.expertBytes), "\(Terminal.bytes(experts.storedExpertBytes)) on disk"],
            ["  minimum limit", Terminal.bytes(experts.minimumLimit), "for --expert-memory: two of them"],
        ]
        if experts.fixedLayers > 0 {
            rows.append(["  always in memory", "\(experts.fixedLayers) layers", "their experts are not stored one by one"])
        }
        if let limit = plan.expertMemory {
            func cost(_ bytes: Double) -> String {
                let time = readRate.map { ", \(Terminal.number(bytes / $0, 3)) s" } ?? ""
                return "\(Terminal.bytes(Int(bytes)))\(time)"
            }
            rows += [
                [
                    "  limit", Terminal.bytes(limit),
                    "holds \(experts.fitting(limit)) of them, \(Terminal.number(100 * experts.share(limit), 1)) % of all bytes",
                ],
                ["  other weights", Terminal.bytes(plan.residentBytes), "stay in memory"],
                ["  read a token", cost(Double(experts.worstBytesPerToken)), "at most: none of its experts is in memory"],
                ["", cost(experts.uniformBytesPerToken(limit)), "if all experts are equally likely; less if some are preferred"],
            ]
            if let readRate { rows.append(["  disk", "\(Terminal.number(readRate / 1e9, 2)) GB/s", "measured just now"]) }
        }
        Terminal.line(Terminal.table(rows))
    }
}
