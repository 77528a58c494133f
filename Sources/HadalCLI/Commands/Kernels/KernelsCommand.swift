import ArgumentParser

struct KernelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels", abstract: "List, check, time, watch, tune, build and begin kernels.",
        discussion: "A kernel is a folder: op.json says what the op is, cpu.c and vulkan.comp compute it. docs/kernel-tools.md has a tour.",
        subcommands: [
            KernelListCommand.self, KernelTestCommand.self, KernelBenchCommand.self, KernelWatchCommand.self, KernelTuneCommand.self, KernelBuildCommand.self,
            KernelNewCommand.self, KernelVerdictCommand.self,
        ])
}
