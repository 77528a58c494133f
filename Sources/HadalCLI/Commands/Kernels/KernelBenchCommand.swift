import ArgumentParser
import Hadal
import HadalConformance
import HadalCore
import HadalGraph
import HadalKernelTools

struct KernelBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Benchmark a kernel at the shapes of its contract, or at another shape.",
        discussion: """
            Reports the median time of one node, by the backend's own clock if it has one. Rotates through enough copies of the weights that no cache holds \
            them (--warm: one copy). The roofline is the machine's peak, measured just before; more than 100 % means that data came from a cache.
            """)

    @Argument(help: ArgumentHelp("Ops to benchmark.", valueName: "op"))
    var ops: [String]
    @OptionGroup var kernel: KernelOptions
    @OptionGroup var shape: ShapeOptions
    @Option(
        help: ArgumentHelp("Approximate time to spend on each shape.", valueName: "seconds"),
        reading: NumberOption.number(above: 0, atMost: 600))
    var seconds = 0.5
    @Option(name: .customLong("cache-type"), help: "Element type of KV caches. auto: f32.")
    var cacheType = CacheType.auto
    @Flag(help: "Use one copy of the weights, which a cache may hold.")
    var warm = false
    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let bench = try kernel.open()
        let wanted = try shape.parsed()
        let contracts = try bench.contracts(ops)
        var options = KernelBench.Options()
        options.seconds = seconds
        options.stateDType = cacheType.dtype ?? .f32
        options.coldBytes = warm ? 0 : KernelRates.coldBytes(bench)
        let timer = KernelBench(catalogue: bench.catalogue, device: bench.device, capabilities: bench.capabilities, options: options)
        let points = try contracts.flatMap { contract in try timer.points(contract, wanted).map { (contract, $0) } }
        let ceilings = try KernelRates.ceilings(of: bench, settings: kernel.settings)
        CrashReport.install()
        if !json {
            Terminal.line("\(bench.specification): \(bench.device.info.name)")
            Terminal.line("roofline: \(ceilings.map { KernelRates.text($0) } ?? "none: the device has no memory of its own to copy in")")
        }
        var results: [JSON] = []
        var refused: [String] = []
        for (contract, point) in points {
            CrashReport.set(": \(contract.name), \(point.summary)")
            do {
                let result = try timer.measure(point, contract)
                results.append(result.json(ceilings: ceilings))
                if !json { show(result, ceilings) }
            } catch let error as HadalError where error.code == .unsupported && points.count > 1 {
                refused.append(error.message)
            }
        }
        CrashReport.clear()
        if json {
            Terminal.json([
                "backend": JSON(.string(bench.backend.name)), "device": JSON(.string(bench.device.info.name)),
                "results": JSON(.array(results)),
                "refused": JSON(.array(refused.map { JSON(.string($0)) })),
                "roofline": ceilings.map {
                    [
                        "bytes_per_second": JSON(.double($0.bytesPerSecond)), "source": JSON(.string($0.source)),
                        "float32_operations_per_second": $0.floatOperations.map { JSON(.double($0)) } ?? .null,
                        "int8_operations_per_second": $0.int8Operations.map { JSON(.double($0)) } ?? .null,
                    ]
                } ?? .null,
            ])
        } else {
            for reason in refused { Terminal.line("not run: \(reason)") }
        }
        if results.isEmpty { throw Failure() }
    }

    private func show(_ result: KernelMeasurement, _ ceilings: KernelCeilings?) {
        var cells = ["\(result.op)  \(result.summary)", KernelRates.microseconds(result.microseconds)]
        cells += KernelRates.rates(
            bytesPerSecond: result.bytesPerSecond, operationsPerSecond: result.operationsPerSecond,
            share: ceilings.map { result.share(of: $0) })
        cells.append(
            "\(result.runs) runs\(result.isTraced ? "" : " as the host sees them")\(result.copies > 1 ? ", \(result.copies) copies of \(Terminal.bytes(result.weightBytes / result.copies))" : "")"
        )
        Terminal.line(cells.joined(separator: "   "))
    }
}
