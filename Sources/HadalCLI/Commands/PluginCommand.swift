import ArgumentParser
import Hadal
import HadalBackend
import HadalConformance
import HadalCore

struct PluginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plugin", abstract: "Check a backend plugin.", subcommands: [CheckCommand.self])

    struct CheckCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check", abstract: "Run the conformance kit: compare every op that a plugin supports with the reference backend.")

        @Argument(help: ArgumentHelp("The plugin's shared library.", valueName: "file"))
        var file: String
        @OptionGroup var search: SearchOptions
        @Option(help: ArgumentHelp("Check only this op; may be given several times.", valueName: "op"))
        var op: [String] = []
        @Option(help: ArgumentHelp("Replay one case, by the id that a failure reports.", valueName: "id"))
        var only: String?
        @Option(help: ArgumentHelp("Seed of the random operands; -1: a new one each time.", valueName: "n"), reading: NumberOption.seed)
        var seed: UInt64 = 1
        @Option(help: ArgumentHelp("Maximum cases per op.", valueName: "n"), reading: NumberOption.integer(1...))
        var cases = 40
        @Option(help: ArgumentHelp("Index of the plugin's device.", valueName: "index"), reading: NumberOption.integer(0...))
        var device = 0
        @Option(help: ArgumentHelp("Set an option of the plugin.", valueName: "option=value"))
        var set: [String] = []
        @Flag(help: "Print JSON.")
        var json = false

        func validate() throws {
            for setting in set where !setting.contains("=") { throw ValidationError("--set requires option=value, not '\(setting)'.") }
        }

        func run() throws {
            let backend = PluginBackend(try PluginLoader.load(path: file))
            let environment = search.environment
            let selection = try environment.registry().resolve("reference")
            let reference = try selection.open(options: environment.addingKernels(to: [:], for: selection.backend))
            var options: [String: OptionValue] = [:]
            for setting in set {
                let parts = setting.split(separator: "=", maxSplits: 1).map(String.init)
                guard let spec = backend.options.first(where: { $0.name == parts[0] }) else {
                    throw HadalError(
                        .invalidArgument, "\(backend.name) has no option '\(parts[0])'",
                        hint: "options: \(backend.options.map(\.name).joined(separator: ", "))")
                }
                options[spec.name] = try spec.parse(parts.count > 1 ? parts[1] : "")
            }
            options = try environment.addingKernels(to: options, for: backend)
            var kit = ConformanceKit(
                catalogue: try environment.catalogue(), reference: reference,
                options: .init(seed: seed, casesPerOp: cases, ops: Set(op), only: only))
            let progress = Progress("check")
            kit.progress = { progress.update(0, detail: $0) }
            let report = try kit.check(backend, device: device, options: options)
            progress.finish()
            if json { Terminal.json(report.json) } else { Terminal.line(Self.text(report, file: file)) }
            if !report.passed { throw Failure() }
        }

        private static func text(_ report: ConformanceReport, file: String) -> String {
            var lines = ["\(report.backend) \(report.version), \(report.device), seed \(report.seed)"]
            lines += report.checks.map { "  \($0.status.rawValue)  \($0.name)\($0.detail.isEmpty ? "" : ": \($0.detail)")" }
            for op in report.ops {
                lines.append(
                    "  \(op.status.rawValue)  \(op.name): \(op.cases) cases\(op.failures.isEmpty ? "" : ", \(op.failures.count) failed")")
                if op.status == .unsupported, let reason = op.unsupported.first { lines.append("        \(reason.reason)") }
                for failure in op.failures {
                    lines.append("        \(failure.summary): \(failure.message)")
                    if let expected = failure.expected, let got = failure.got {
                        lines.append(
                            "        worst at \(failure.index) of \(failure.operand)\(failure.shape): expected \(expected), got \(got)")
                    }
                    lines.append("        replay: hadal plugin check \(file) --seed \(report.seed) --only \(failure.id)")
                }
            }
            lines.append(report.passed ? "passed" : "FAILED")
            return lines.joined(separator: "\n")
        }
    }
}
