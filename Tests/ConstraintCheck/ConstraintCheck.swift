import ArgumentParser

@main
struct ConstraintCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "constraint-check", abstract: "Measure constraints, and throw random ones at them.",
        subcommands: [MaskBench.self, Masks.self, Fuzz.self])
}
