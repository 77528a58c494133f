import ArgumentParser
import Hadal
import HadalCore
import HadalKernelTools
import HadalSandbox

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Show devices, plugins, instruction sets and the machine's measured peak bandwidth and arithmetic.",
        discussion: "Measures for a second or two; other work on the machine lowers the results.")

    @OptionGroup var search: SearchOptions
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Number of threads to measure with; default, or -1: one per available core.", valueName: "n"),
        transform: NumberOption.integer(1..., orMinusOne: "automatic"))
    var threads: NumberOption.OptionalInteger?
    @Flag(
        help:
            "Measure nothing: do what --offline of run and chat does, show what was refused, and which devices work under it. Exit status 1 where something was not refused."
    )
    var offline = false
    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        if offline { return try showSeal() }
        let registry = try search.environment.registry()
        let ceilings = try MachineCeilings.measure(threads: threads?.value)
        let store = try ModelStore().list()
        let (quota, memory) = (Processors.quota, ControlGroups().memory)
        if json {
            Terminal.json([
                "version": JSON(.string(HadalVersion.current)),
                "machine": [
                    "threads": JSON(.int(Int64(ceilings.threads))), "cores": JSON(.int(Int64(Processors.cores))),
                    "cpu_quota": quota.map { ["processors": JSON(.double($0.value)), "file": JSON(.string($0.file))] } ?? .null,
                    "memory_limit": memory.map { ["bytes": JSON(.int(Int64($0.value))), "file": JSON(.string($0.file))] } ?? .null,
                    "instruction_set": JSON(.string(ceilings.instructionSet)),
                    "read_bytes_per_second": JSON(.double(ceilings.readBandwidth)),
                    "float32_operations_per_second": JSON(.double(ceilings.floatOperations)),
                    "int8_operations_per_second": JSON(.double(ceilings.int8Operations)),
                ],
                "plugins": registry.json(), "models": store.json,
            ])
            return
        }
        Terminal.line("hadal \(HadalVersion.current), installed in \(Installation.directory)\n")
        Terminal.line("machine, \(ceilings.threads) threads, \(ceilings.instructionSet)")
        if let quota {
            let threads = Processors.usable
            Terminal.line(
                "  CPU quota of \(Terminal.number(quota.value, 2)) processors (\(quota.file)): "
                    + "\(threads) thread\(threads == 1 ? "" : "s") by default on \(Processors.cores) core\(Processors.cores == 1 ? "" : "s")"
            )
        }
        if let memory { Terminal.line("  memory limit of \(Terminal.bytes(memory.value)) (\(memory.file))") }
        Terminal.line(
            Terminal.table([
                [
                    "  memory read", "\(Terminal.number(ceilings.readBandwidth / 1e9, 1)) GB/s",
                    "bounds decode: tokens/s <= this / bytes of weights",
                ],
                ["  float32", "\(Terminal.number(ceilings.floatOperations / 1e9, 0)) GFLOP/s"],
                ["  int8", "\(Terminal.number(ceilings.int8Operations / 1e9, 0)) GOP/s", "bounds prefill with quantised weights"],
            ]))
        Terminal.line("\nbackends")
        Terminal.line(BackendListing.indented(registry))
        Terminal.line(
            "\nmodels in \(store.directory): \(store.installed.isEmpty ? "none (hadal models lists what hadal pull fetches)" : store.installed.map(\.name).joined(separator: ", "))"
        )
    }

    /// Gives up the network, then opens every plugin and device.
    private func showSeal() throws {
        let report = try OfflineArguments.report()
        let registry = try search.environment.registry()
        if json {
            Terminal.json(["version": JSON(.string(HadalVersion.current)), "offline": report.json, "plugins": registry.json()])
        } else {
            Terminal.line(SealListing.text(report))
            Terminal.line("\nbackends that work under it")
            Terminal.line(BackendListing.indented(registry, options: false))
        }
        try report.requireComplete()
    }
}
