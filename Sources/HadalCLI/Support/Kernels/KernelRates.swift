import Hadal
import HadalConformance
import HadalCore
import HadalKernelTools

/// What a machine or device can do at most, and speeds of kernels as text.
enum KernelRates {
    /// Ceilings of the device that kernels are timed on.
    ///
    /// - Parameter seconds: for each of up to three figures.
    static func ceilings(of bench: KernelWorkbench, settings: [String: String], seconds: Double = 0.4) throws -> KernelCeilings? {
        guard runsOnHost(bench) else { return try KernelCeilings.measured(on: bench.device, seconds: seconds) }
        let threads = settings["\(bench.backend.name).threads"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        let machine = try MachineCeilings.measure(threads: threads, seconds: seconds)
        return KernelCeilings(
            bytesPerSecond: machine.readBandwidth, floatOperations: machine.floatOperations, int8Operations: machine.int8Operations,
            source: "measured on \(machine.threads) thread\(machine.threads == 1 ? "" : "s") of this machine, \(machine.instructionSet)")
    }

    static func runsOnHost(_ bench: KernelWorkbench) -> Bool { [.cpu, .software].contains(bench.selection.device.kind) }

    /// So many bytes of weights that no cache keeps them from one run to the next.
    static func coldBytes(_ bench: KernelWorkbench) -> Int {
        runsOnHost(bench) ? min(2 * (Processors.lastLevelCache ?? 32 << 20), 512 << 20) : 256 << 20
    }

    static func text(_ ceilings: KernelCeilings) -> String {
        var parts = ["\(Terminal.number(ceilings.bytesPerSecond / 1e9, 1)) GB/s"]
        if let floats = ceilings.floatOperations { parts.append("\(Terminal.number(floats / 1e9, 0)) GFLOP/s") }
        if let matrices = ceilings.matrixOperations { parts.append("\(Terminal.number(matrices / 1e9, 0)) GFLOP/s on float16 matrices") }
        if let products = ceilings.int8Operations { parts.append("\(Terminal.number(products / 1e9, 0)) GOP/s int8") }
        return parts.joined(separator: ", ") + "; \(ceilings.source)"
    }

    static func microseconds(_ value: Double) -> String { "\(Terminal.number(value, value < 10 ? 2 : value < 1000 ? 1 : 0)) µs" }

    static func rates(bytesPerSecond: Double, operationsPerSecond: Double?, share: Double?) -> [String] {
        var parts = ["\(Terminal.number(bytesPerSecond / 1e9, 2)) GB/s"]
        parts.append(operationsPerSecond.map { "\(Terminal.number($0 / 1e9, 2)) GFLOP/s" } ?? "-")
        parts.append(share.map { "\(Terminal.number(100 * $0, 1)) % of the roofline" } ?? "-")
        return parts
    }
}
