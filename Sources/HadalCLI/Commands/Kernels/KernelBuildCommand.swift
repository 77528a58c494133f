import ArgumentParser
import Hadal

struct KernelBuildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Compile Vulkan kernels for every combination of types, so that they can be shipped.",
        discussion: "Writes SPIR-V that serves where there is no shader compiler. An installation has it in kernels/spirv.")

    @OptionGroup var search: SearchOptions
    @Argument(help: "Ops; all when left out.")
    var ops: [String] = []
    @Option(help: "The backend whose kernels are compiled, and a device of it.")
    var backend = "vulkan"
    @Option(name: .shortAndLong, help: "The directory that the compiled kernels go to.")
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
