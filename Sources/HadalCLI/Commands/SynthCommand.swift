import ArgumentParser
import Hadal
import HadalCore
import HadalFormats
import HadalSynthesis

struct SynthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "synth", abstract: "Write a GGUF file of any shape with random weights.",
        discussion: "For measuring speed and testing architectures without the real weights. The same seed gives the same file.")

    @Argument(help: ArgumentHelp("A known architecture, or a description file.", valueName: "arch"))
    var architecture: String
    @OptionGroup var search: SearchOptions
    @Option(help: ArgumentHelp("config.json with the model's shape.", valueName: "file"))
    var config: String
    @Option(help: ArgumentHelp("Element type of the matrices.", valueName: "dtype"))
    var type: String
    @Option(name: .shortAndLong, help: ArgumentHelp("GGUF file to write.", valueName: "file"))
    var output: String
    @Option(help: ArgumentHelp("Seed of the random weights; -1: a new one each time.", valueName: "n"), reading: NumberOption.seed)
    var seed: UInt64 = 0

    func run() throws {
        guard let dtype = DType(name: type) else {
            throw ValidationError(
                "unknown type '\(type)'; types: \(BlockCodec.dtypes.filter { $0.rawValue < 1000 }.map(\.name).joined(separator: ", "))")
        }
        try OutputFile.check(output)
        let model = try SyntheticModel(
            architecture: architecture, configuration: try JSONDocument(contentsOf: config), type: dtype,
            library: try search.environment.architectures(), catalogue: try search.environment.catalogue())
        for note in model.notes { Terminal.note(note) }
        let progress = Progress("synth")
        try model.write(to: output, seed: seed) { done, total in progress.update(Double(done) / Double(max(total, 1))) }
        progress.finish()
        Terminal.line("\(output): \(InspectCommand.count(model.parameters)) parameters, \(Terminal.bytes(model.bytes)), seed \(seed)")
    }
}
