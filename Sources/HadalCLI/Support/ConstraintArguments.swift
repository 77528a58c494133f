import ArgumentParser
import HadalConstraints
import HadalCore

/// What the answer must be.
struct ConstraintArguments: ParsableArguments {
    @Option(help: ArgumentHelp("A file with a JSON Schema that the answer fits; - for stdin.", valueName: "file"))
    var schema: String?

    @Option(help: ArgumentHelp("A regular expression that the whole answer matches.", valueName: "pattern"))
    var regex: String?

    @Option(help: ArgumentHelp("A file with a grammar (GBNF) whose rule root the answer is a text of; - for stdin.", valueName: "file"))
    var grammar: String?

    func validate() throws {
        guard [schema, regex, grammar].compactMap({ $0 }).count <= 1 else {
            throw ValidationError("--schema, --regex and --grammar exclude each other.")
        }
    }

    /// nil: any text.
    func constraint() throws -> TextConstraint? {
        if let schema { return try TextConstraint(schema: try InputText.json(schema)) }
        if let grammar { return try .grammar(try InputText.file(grammar), name: grammar) }
        return try regex.map { try .regex($0) }
    }

    static func toolChoice(_ text: String) -> ToolChoice {
        switch text {
        case "auto": .auto
        case "none": .none
        case "required": .required
        default: .named(text)
        }
    }
}
