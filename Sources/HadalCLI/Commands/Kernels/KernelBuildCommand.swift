import ArgumentParser
import Hadal
import HadalBackend
import HadalConformance
import HadalGraph
import HadalKernelTools

struct KernelBuildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Compile Vulkan kernels for every combination of types, to ship them.",
        discussion: "Writes SPIR-V for machines without a shader compiler. An installation has it in kernels/spirv.")

    @OptionGroup var search: SearchOptions
    @Argument(help: "Ops to compile (default: all).")
    var ops: [String] = []
    @Option(help: "Backend whose kernels to compile: name, or name:device.")
    var backend = "vulkan"
    @Option(name: .shortAndLong, help: "Directory for the compiled kernels.")
    var output: String

    func run() throws {
        let bench = try KernelWorkbench(
            backend, environment: search.environment, options: ["spirv-output": .string(output)], log: search.log)
        var count = 0
        for contract in try bench.contracts(ops) {
            let made = try KernelForms(catalogue: bench.catalogue).compile(contract, on: bench.device)
            if Terminal.standardErrorIsTerminal { Terminal.note("\(contract.name): \(made) combinations") }
            count += made
        }
        Terminal.line("\(count) combinations compiled to \(output)")
    }
}
