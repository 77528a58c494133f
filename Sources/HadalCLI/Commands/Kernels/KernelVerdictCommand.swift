import ArgumentParser
import Hadal
import HadalConformance
import HadalCore
import HadalGraph
import HadalKernelTools

/// What `watch` runs on every save, in a process of its own: a kernel under work may crash or never end.
struct KernelVerdictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verdict", abstract: "Check and time a kernel once, as JSON.", shouldDisplay: false)

    @Argument(help: ArgumentHelp("The op.", valueName: "op"))
    var op: String
    @OptionGroup var kernel: KernelOptions
    @OptionGroup var shape: ShapeOptions
    @Option(help: ArgumentHelp("Seed of the random operands; -1: a new one each time.", valueName: "n"), reading: NumberOption.seed)
    var seed: UInt64 = 1
    @Option(
        name: .customLong("bench-seconds"), help: ArgumentHelp("Time to spend on benchmarking.", valueName: "seconds"),
        reading: NumberOption.number(above: 0, atMost: 60))
    var benchSeconds = 0.1

    func run() throws {
        CrashReport.install()
        CrashReport.set(" while it was loaded")
        Terminal.line(Self.result(op, kernel, shape, seed: seed, benchSeconds: benchSeconds).text())
    }

    private static func result(_ op: String, _ kernel: KernelOptions, _ shape: ShapeOptions, seed: UInt64, benchSeconds: Double) -> JSON {
        do {
            let bench = try kernel.open()
            let contract = try bench.catalogue.contract(for: op)
            let report = try bench.test(
                [contract], options: .init(seed: seed, casesPerOp: .max, failuresPerOp: 1, quickCases: ConformanceKit.Options.quickCases),
                willRun: { CrashReport.set(" in case \($0)") })
            guard let found = report.ops.first else { throw HadalError(.notFound, "no case of '\(op)' ran") }
            var fields: [(String, JSON)] = [("cases", JSON(.int(Int64(found.cases))))]
            switch found.status {
            case .unsupported: throw HadalError(.unsupported, found.unsupported.first?.reason ?? "the contract has no cases")
            // A source that does not compile shows when the first case is compiled.
            case .fail where found.failures.first?.kind == .error:
                fields = [("error", JSON(.string(found.failures.first?.message ?? "")))]
            case .fail:
                let text = KernelReportText(report: report) {
                    KernelOptions.shell(
                        ["hadal", "kernels", "test", op] + kernel.arguments + ["--case", $0.id, "--seed", String(seed)]
                            + $0.settings.flatMap { ["--set", $0] })
                }
                fields.append(("failure", JSON(.string(found.failures.first.map { text.lines($0).joined(separator: "\n") } ?? ""))))
                if let failure = found.failures.first { fields.append(("failure_kind", JSON(.string(failure.kind.rawValue)))) }
            case .pass:
                CrashReport.set(" while it was timed")
                var options = KernelBench.Options()
                options.seconds = benchSeconds
                let timer = KernelBench(
                    catalogue: bench.catalogue, device: bench.device, capabilities: bench.capabilities, options: options)
                // The first shape that the device runs.
                let points = try timer.points(contract, try shape.parsed())
                var refusal: HadalError?
                for point in points {
                    do {
                        fields.append(("measurement", try timer.measure(point, contract).json(ceilings: nil)))
                        break
                    } catch let error as HadalError where error.code == .unsupported { refusal = error }
                }
                if fields.count == 1, let refusal { fields.append(("untimed", JSON(.string(refusal.commandLine)))) }
            }
            return JSON(.object(JSONObject(fields)))
        } catch {
            return ["error": JSON(.string((error as? HadalError)?.commandLine ?? "\(error)"))]
        }
    }
}
