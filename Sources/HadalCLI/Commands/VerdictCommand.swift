import ArgumentParser
import Foundation
import Hadal
import HadalCore
import HadalKernelTools

/// Checks one kernel in a process of its own, which it may crash or never end. What --live-kernels starts.
struct VerdictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernel-verdict", abstract: "Check one kernel for a program that watches it.", shouldDisplay: false)

    @Argument(help: "A candidate as JSON.")
    var candidate: String

    func run() throws {
        let verdict: KernelCheck
        do { verdict = try KernelCandidate(parsing: candidate).check() } catch let error as HadalError {
            verdict = KernelCheck(cases: 0, fault: error.commandLine)
        }
        Terminal.json(verdict.json)
    }

    private static let secondsAtMost = 60.0

    /// Has this executable check a candidate.
    static func check(_ candidate: KernelCandidate) throws -> KernelCheck {
        guard let executable = Bundle.main.executablePath else { return try candidate.check() }
        let child = try ChildProcess.run(executable, ["kernel-verdict", candidate.text], seconds: secondsAtMost)
        switch child.end {
        case .exited(0): return try KernelCheck(parsing: child.text)
        case .exited(let status):
            return KernelCheck(
                cases: 0, fault: "its check failed with status \(status): \(String(decoding: child.errors, as: UTF8.self).prefix(2000))")
        case .signalled(let number): return KernelCheck(cases: 0, fault: "it crashed its check (\(String(cString: strsignal(number))))")
        case .timedOut: return KernelCheck(cases: 0, fault: "its check did not end within \(Int(secondsAtMost)) s")
        }
    }
}
