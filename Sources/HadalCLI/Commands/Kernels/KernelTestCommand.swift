import ArgumentParser
import Hadal
import HadalConformance
import HadalCore
import HadalGraph
import HadalKernelTools

struct KernelTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Check kernels: compare every case of the contract with the definition of the op.",
        discussion: """
            Outputs hold NaN before a run and lie between guard bytes; every step runs twice, with different bytes where nothing may be read, and once without tokens. A failure reports the worst \
            element and a command that replays exactly that case. The exit status is 1 if a kernel fails.
            """)

    @Argument(help: ArgumentHelp("Ops to check (default: all).", valueName: "op"))
    var ops: [String] = []
    @OptionGroup var kernel: KernelOptions
    @Option(help: ArgumentHelp("Seed of the random operands; -1: a new one each time.", valueName: "n"), reading: NumberOption.seed)
    var seed: UInt64 = 1
    @Option(name: .customLong("case"), help: ArgumentHelp("Replay one case, by the id that a failure reports.", valueName: "id"))
    var only: String?
    @Flag(help: "Run a few cases of every kind instead of all.")
    var quick = false
    @Option(help: ArgumentHelp("Run a node saved by hadal trace --compare.", valueName: "file"))
    var replay: String?
    @Option(help: ArgumentHelp("Stop a case that runs longer than this.", valueName: "seconds"), reading: NumberOption.integer(1...86400))
    var timeout = 120
    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if replay != nil, !ops.isEmpty || only != nil || quick {
            throw ValidationError("--replay cannot be combined with other options: the file has the op and its operands.")
        }
        if quick, only != nil { throw ValidationError("--quick and --case cannot be combined.") }
        if only != nil, ops.count > 1 { throw ValidationError("--case can be combined with one op only.") }
    }

    /// The wanted case in full: "linear/2.17".
    private func caseID() throws -> String? {
        guard let only else { return nil }
        guard let slash = only.firstIndex(of: "/") else {
            guard let op = ops.first else {
                throw HadalError(.invalidArgument, "no case '\(only)'", hint: "a case is named op/case.combination")
            }
            return "\(op)/\(only)"
        }
        if let op = ops.first, op != only[..<slash] { throw HadalError(.invalidArgument, "case '\(only)' is not one of op '\(op)'") }
        return only
    }

    func run() throws {
        let bench = try kernel.open()
        CrashReport.install()
        if let replay { return try finish(try replayed(replay, bench), bench, named: true) }
        let id = try caseID()
        let contracts = try bench.contracts(id.map { [String($0.prefix { $0 != "/" })] } ?? ops)
        let progress = Progress("test")
        let options = ConformanceKit.Options(
            seed: seed, casesPerOp: .max, only: id, quickCases: quick ? ConformanceKit.Options.quickCases : nil)
        let report = try bench.test(
            contracts, options: options, progress: { progress.update(Double($1) / Double(contracts.count), detail: $0) },
            willRun: { CrashReport.set(" in case \($0)\nreplay: \(command($0))", seconds: timeout) })
        CrashReport.clear()
        progress.finish()
        try finish(report, bench, named: !ops.isEmpty || id != nil)
    }

    private func replayed(_ path: String, _ bench: KernelWorkbench) throws -> ConformanceReport {
        let node = try SavedNode(contentsOf: path)
        if !json { Terminal.line("\(node.label) (\(node.op)), inputs as \(node.backend) had them") }
        CrashReport.set("\nreplay: \(command(path))", seconds: timeout)
        return try bench.replay(node, path: path)
    }

    private func command(_ id: String, _ settings: [String] = []) -> String {
        let what = replay.map { ["--replay", $0] } ?? [String(id.prefix { $0 != "/" }), "--case", id, "--seed", String(seed)]
        return KernelOptions.shell(["hadal", "kernels", "test"] + what + kernel.arguments + settings.flatMap { ["--set", $0] })
    }

    private func finish(_ report: ConformanceReport, _ bench: KernelWorkbench, named: Bool) throws {
        // What was asked for by name must have run.
        let idle = report.ops.filter { $0.status == .unsupported }
        let failed = report.ops.contains { $0.status == .fail } || (named ? !idle.isEmpty : idle.count == report.ops.count)
        if json {
            guard var object = report.json.object else { return }
            object["passed"] = JSON(.bool(!failed))
            object["replay"] = JSON(.array(report.ops.flatMap(\.failures).map { JSON(.string(command($0.id, $0.settings))) }))
            Terminal.json(JSON(.object(object)))
        } else {
            Terminal.line("\(bench.specification): \(report.device)\(replay == nil ? ", seed \(report.seed)" : "")")
            Terminal.line(KernelReportText(report: report) { command($0.id, $0.settings) }.text)
            for name in Set(report.ops.map(\.name)).sorted() {
                guard let contract = bench.catalogue.contracts[name], KernelWorkbench.definition(of: contract) == bench.backend.name,
                    bench.backend.name != "reference"
                else { continue }
                Terminal.line(
                    "  \(name) is compared with itself: its contract declares the kernel of \(bench.backend.name) to be its definition")
            }
            Terminal.line(failed ? "FAILED" : "passed")
        }
        if failed { throw Failure() }
    }
}
