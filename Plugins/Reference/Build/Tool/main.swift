import Foundation

// usage: make-operator-table FILE TYPE…: writes the table of the reference backend's operators.
let types = CommandLine.arguments.dropFirst(2)
let text = """
    /// The types of the folder `Ops`.
    enum OperatorTable {
        static let all: [any Operator.Type] = [
    \(types.map { "        \($0).self," }.joined(separator: "\n"))
        ]
    }

    """
try Data(text.utf8).write(to: URL(fileURLWithPath: CommandLine.arguments[1]))
