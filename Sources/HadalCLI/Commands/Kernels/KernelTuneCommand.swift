import ArgumentParser
import Hadal

struct KernelTuneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tune", abstract: "Find the kernel parameters that are fastest on a device.",
        discussion: """
            Tries the parameters that contracts list for the backend, at the shapes of a model or of the contracts' benches. A choice with wrong \
            results is not taken. Entries of other devices in the file stay.
            """)

    @Argument(help: ArgumentHelp("A model whose shapes count; none: those of the contracts.", valueName: "model"))
    var model: String?
    @OptionGroup var kernel: KernelOptions
    @Option(help: ArgumentHelp("Tune only this op; may be given several times.", valueName: "op"))
    var op: [String] = []
    @Option(name: .shortAndLong, help: ArgumentHelp("Where the parameters go; default kernels/tuned/BACKEND.json.", valueName: "file"))
    var output: String?
    @Option(help: ArgumentHelp("Time spent on each shape with each choice.", valueName: "seconds"))
    var seconds = 0.1

    func validate() throws {
        guard seconds > 0, seconds <= 60 else { throw ValidationError("--seconds must be more than 0 and at most 60.") }
    }

    func run() throws {
        var tuner = try KernelTuner(kernel.backend, environment: kernel.search.environment, settings: kernel.settings)
        tuner.seconds = seconds
        let path = output ?? "kernels/tuned/\(tuner.backend.name).json"
        if let output { try OutputFile.check(output) }
        let description = try model.map { try kernel.search.describe($0, architecture: nil) }
        let names = op.isEmpty ? tuner.catalogue.contracts.keys.sorted() : op
        let progress = Progress("tune")
        let log = kernel.search.log
        var results: [String: [String: [String: Int]]] = [:]
        var tried = 0
        for (number, name) in names.enumerated() {
            let contract = try tuner.catalogue.contract(for: name)
            guard try !tuner.kernels(of: contract).isEmpty else {
                if !op.isEmpty { Terminal.line("\(name): its contract lists no parameters for \(tuner.backend.name)") }
                continue
            }
            let bench = try kernel.open()
            let timer = KernelBench(catalogue: bench.catalogue, device: bench.device, capabilities: bench.capabilities)
            let points = try description?.shapes(of: contract) ?? timer.points(contract)
            guard !points.isEmpty else { continue }
            tuner.progress = { progress.update(Double(number) / Double(names.count), detail: $0) }
            let choice = try tuner.tune(contract, at: points)
            progress.finish()
            tried += choice.tried
            results[name] = choice.values
            for reason in choice.rejected { log.write(.info, reason) }
            let values = choice.values.sorted { $0.key < $1.key }.map { kernel, values in
                "\(kernel) " + values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            }
            Terminal.line(
                "\(name): \(KernelRates.microseconds(choice.usual)) as it was, \(KernelRates.microseconds(choice.best)) with "
                    + (values.isEmpty ? "the usual parameters" : values.joined(separator: ", "))
                    + (choice.rejected.isEmpty ? "" : "; \(choice.rejected.count) of \(choice.tried) choices refused (-v says why)"))
        }
        guard tried > 0 else {
            throw HadalError(
                .notFound, "no op\(model == nil ? "" : " of the model") has parameters for \(tuner.backend.name)",
                hint: "op.json lists them under \"\(tuner.backend.name)\": \"parameters\"")
        }
        try KernelTuner.write(results, device: tuner.device.id, to: path)
        Terminal.line("written to \(path); \(tuner.backend.name) takes it with --set \(tuner.backend.name).\(KernelTuner.option)=\(path)")
    }
}
