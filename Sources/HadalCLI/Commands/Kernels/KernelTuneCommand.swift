import ArgumentParser
import Hadal
import HadalConformance
import HadalGraph
import HadalKernelTools

struct KernelTuneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tune", abstract: "Find the fastest kernel parameters of a device.",
        discussion: """
            Tries the parameters that contracts list for the backend, one parameter at a time, at the shapes of a model or the contracts' bench shapes. A \
            choice with wrong results is rejected. The result is written after every op to a file that the backend reads from then on; \
            entries of other devices and ops are kept.
            """)

    @Argument(help: ArgumentHelp("Tune for this model's shapes (default: the contracts' bench shapes).", valueName: "model"))
    var model: String?
    @OptionGroup var kernel: KernelOptions
    @Option(help: ArgumentHelp("Tune only this op; may be given several times.", valueName: "op"))
    var op: [String] = []
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("File for the parameters; default: hadal/tuned/BACKEND.json in the user's cache directory.", valueName: "file"))
    var output: String?
    @Option(
        help: ArgumentHelp("Time to spend on each shape with each choice.", valueName: "seconds"),
        reading: NumberOption.number(above: 0, atMost: 60))
    var seconds = 0.1
    @Option(
        help: ArgumentHelp("Approximate total time; the best parameters found by then are kept.", valueName: "seconds"),
        reading: NumberOption.number(above: 0, atMost: 1_000_000))
    var budget = 300.0

    /// New tokens of the steps that a model's kernels are timed at: a prompt's, and a check of a few drafted tokens.
    private static let steps = [512, 8]

    func run() throws {
        let start = ContinuousClock.now
        var tuner = try KernelTuner(kernel.backend, environment: kernel.search.environment, settings: kernel.settings)
        tuner.seconds = seconds
        tuner.limit(to: budget)
        guard let path = output ?? TunedFile.standardPath(backend: tuner.backend.name) else {
            throw HadalError(
                .notFound, "the user's cache directory is not known: XDG_CACHE_HOME and HOME are unset", hint: "name a file with -o")
        }
        if let output { try OutputFile.check(output) }
        let description = try model.map { try kernel.search.describe($0, architecture: nil) }
        let bench = try kernel.open()
        let timer = KernelBench(catalogue: bench.catalogue, device: bench.device, capabilities: bench.capabilities)
        var work: [(contract: OpContract, points: [ConformancePoint])] = []
        for name in op.isEmpty ? tuner.catalogue.contracts.keys.sorted() : op where !work.contains(where: { $0.contract.name == name }) {
            let contract = try tuner.catalogue.contract(for: name)
            guard try !tuner.kernels(of: contract, features: bench.device.info.features).isEmpty else {
                if !op.isEmpty { Terminal.line("\(name): its contract lists no parameters for \(tuner.backend.name) on this device") }
                continue
            }
            let points =
                try description.map { model in try Self.steps.flatMap { try model.shapes(of: contract, promptTokens: $0) } }
                ?? timer.points(contract)
            if !points.isEmpty { work.append((contract, points)) }
        }
        guard !work.isEmpty else {
            throw HadalError(
                .notFound, "no op\(model == nil ? "" : " of the model") has parameters for \(tuner.backend.name)",
                hint: "op.json lists them under \"\(tuner.backend.name)\": \"parameters\"")
        }
        // A file that cannot be written is found before the work.
        try TunedFile.write([:], device: tuner.device.id, to: path)
        CrashReport.install()
        let progress = Progress("tune")
        for (contract, points) in work {
            tuner.progress = { text in
                CrashReport.set(": \(text)")
                progress.update((ContinuousClock.now - start) / .seconds(budget), detail: text)
            }
            let result = try tuner.tune(contract, at: points)
            progress.finish()
            try TunedFile.write([contract.name: result.values], device: tuner.device.id, to: path)
            show(result)
        }
        CrashReport.clear()
        Terminal.line(
            "written to \(path)"
                + (output == nil
                    ? ", which \(tuner.backend.name) reads by itself"
                    : "; \(tuner.backend.name) takes it with --set \(tuner.backend.name).\(KernelTuner.option)=\(path)"))
    }

    private func show(_ result: TuningResult) {
        for found in result.kernels where found.usual > 0 {
            Terminal.line(
                "\(result.op) \(found.name): \(KernelRates.microseconds(found.usual)) as it was, "
                    + (found.values.isEmpty
                        ? "nothing faster" : "\(KernelRates.microseconds(found.best)) with \(KernelTuner.text(found.values))")
                    + " (\(found.tried) choices)")
        }
        if !result.unreached.isEmpty {
            Terminal.line("\(result.op): none of the shapes runs \(result.unreached.joined(separator: ", ")), which stay as they were")
        }
        let untried = result.kernels.filter { $0.untried > 0 }.map { "\($0.name) (\($0.untried) choices)" }
        if !untried.isEmpty {
            Terminal.line("\(result.op): not tried within the budget: \(untried.joined(separator: ", ")); --budget gives more")
        }
        if !result.rejected.isEmpty { Terminal.line("\(result.op): \(result.rejected.count) choices refused (-v says why)") }
        for reason in result.rejected { kernel.search.log.write(.info, reason) }
    }
}
