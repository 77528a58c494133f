import ArgumentParser
import Foundation
import Hadal
import HadalConformance
import HadalCore
import HadalGraph
import HadalKernelTools

struct KernelWatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Compile, check and benchmark a kernel each time its source is saved.",
        discussion: """
            Checks a few cases of every kind that the contract lists and benchmarks its first bench shape (--shape, --dtype choose another). Each \
            check runs in its own process, so that a kernel that crashes or never ends is reported like any other failure. Stop with Ctrl-C.
            """)

    @Argument(help: ArgumentHelp("The op.", valueName: "op"))
    var op: String
    @OptionGroup var kernel: KernelOptions
    @OptionGroup var shape: ShapeOptions
    @Option(help: ArgumentHelp("Seed of the random operands; -1: a new one each time.", valueName: "n"), reading: NumberOption.seed)
    var seed: UInt64 = 1
    @Option(
        help: ArgumentHelp("Stop a kernel that runs longer than this.", valueName: "seconds"),
        reading: NumberOption.number(above: 0, atMost: 3600))
    var timeout = 20.0
    @Option(
        name: .customLong("bench-seconds"), help: ArgumentHelp("Time to spend on benchmarking.", valueName: "seconds"),
        reading: NumberOption.number(above: 0, atMost: 60))
    var benchSeconds = 0.1
    @Flag(help: "Check the source once and exit; the exit status is 1 unless it is correct.")
    var once = false
    @Flag(help: "Print a line of JSON for each check.")
    var json = false

    /// How often files are looked at, in microseconds.
    private static let interval: UInt32 = 20_000

    func run() throws {
        let environment = kernel.search.environment
        let named = environment.kernelDirectories.first { isFolder("\($0)/\(op)") || isFolder("\($0)/ops/\(op)") }
        let contract = try environment.catalogue().contract(for: op)
        let directory = named ?? contract.kernelDirectory
        var arguments = [op] + kernel.arguments + shape.arguments + ["--seed", String(seed), "--bench-seconds", String(benchSeconds)]
        if named == nil { arguments += ["--kernels", directory] }
        _ = try shape.parsed()
        let ceilings = try measuredCeilings()
        let folders = [
            named == nil ? contract.folder : "\(directory)/\(op)", "\(directory)/ops/\(op)", "\(directory)/include", "\(directory)/glsl",
        ]
        if !once, !json { Terminal.note("watching \(folders[0]); ctrl-C ends") }
        var last: Double?
        while true {
            let state = FolderState(folders)
            let verdict = try KernelTiming.find(arguments, ceilings: ceilings, timeout: timeout)
            if json {
                Terminal.line(verdict.json(against: last).text())
            } else {
                Terminal.line("\(Self.clock())  \(verdict.text(against: last))")
            }
            if once {
                if !verdict.passed { throw Failure() }
                return
            }
            last = verdict.timing?.microseconds ?? last
            while FolderState(folders) == state { usleep(Self.interval) }
        }
    }

    /// The time of day: 21:03:11.
    private static func clock() -> String {
        let parts = Calendar.current.dateComponents([.hour, .minute, .second], from: Date())
        return [parts.hour, parts.minute, parts.second].map { String(format: "%02d", $0 ?? 0) }.joined(separator: ":")
    }

    private func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }

    /// nil where they cannot be measured: a kernel that does not compile may keep the device from opening.
    private func measuredCeilings() throws -> KernelCeilings? {
        // Without the kernels under work, which may not even load.
        guard
            let bench = try? KernelWorkbench(
                kernel.backend, environment: SearchPaths(pluginPaths: kernel.search.pluginPaths), settings: kernel.settings)
        else { return nil }
        if !once, !json { Terminal.note("measuring the roofline …") }
        let ceilings = try KernelRates.ceilings(of: bench, settings: kernel.settings, seconds: 0.15)
        if let ceilings, !once, !json { Terminal.note("roofline: \(KernelRates.text(ceilings))") }
        return ceilings
    }
}
