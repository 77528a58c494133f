import ArgumentParser
import Hadal
import HadalConformance

/// Which shape is timed.
struct ShapeOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Extents and attributes instead of the contract's: N=1,K=1536,M=8960.", valueName: "name=value,…"))
    var shape: String?
    @Option(help: ArgumentHelp("Input types instead of the contract's: weight=q4_k.", valueName: "input=type,…"))
    var dtype: String?
    @Option(help: ArgumentHelp("For ops with a cache: number of cached and new tokens of each sequence.", valueName: "past+new,…"))
    var step: String?

    func parsed() throws -> KernelShape {
        var wanted = KernelShape()
        wanted.values = try shape.map { try KernelShape.values(parsing: $0) } ?? []
        wanted.dtypes = try dtype.map { try KernelShape.dtypes(parsing: $0) } ?? []
        wanted.step = try step.map { try KernelShape.step(parsing: $0) } ?? []
        return wanted
    }

    var arguments: [String] {
        (shape.map { ["--shape", $0] } ?? []) + (dtype.map { ["--dtype", $0] } ?? []) + (step.map { ["--step", $0] } ?? [])
    }
}
