import ArgumentParser

struct KernelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels", abstract: "List, check, benchmark, watch, tune, build and create kernels.",
        discussion:
            "A kernel is a folder: op.json is the op's contract, cpu.c and vulkan.comp compute it. docs/kernel-tools.md is an introduction.",
        subcommands: [
            KernelListCommand.self, KernelTestCommand.self, KernelBenchCommand.self, KernelWatchCommand.self, KernelTuneCommand.self,
            KernelBuildCommand.self,
            KernelNewCommand.self, KernelVerdictCommand.self,
        ])
}
