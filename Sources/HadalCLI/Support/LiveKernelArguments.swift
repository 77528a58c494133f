import ArgumentParser
import Foundation
import Hadal
import HadalKernelTools

/// Whether edited kernels are taken up while the model runs.
struct LiveKernelArguments: ParsableArguments {
    @Flag(
        name: .customLong("live-kernels"),
        help:
            "Watch the kernel sources (--kernels, and the installation's) and use edited ones from the next token on, once they pass their check."
    )
    var isOn = false

    /// Begins the watch; nil without the flag. A notice begins a line of its own on a terminal, where an answer may be half written.
    func watch(_ engine: Engine) throws -> KernelWatcher? {
        guard isOn else { return nil }
        var options = LiveKernelOptions()
        options.check = { try VerdictCommand.check($0) }
        options.notice = { notice in Terminal.note("\(Terminal.standardErrorIsTerminal ? "\n" : "")\(notice)") }
        return try KernelWatcher(engine, options)
    }
}
