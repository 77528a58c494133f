import Foundation

// usage: make-source operators FILE TYPE…   the table of the reference backend's operators
//        make-source texts FILE TEXT…       a string for each text file, under its name without the extension
let arguments = Array(CommandLine.arguments.dropFirst())
let source: String
switch arguments.first {
case "operators":
    source = """
        /// The types of the folder `Ops`.
        enum OperatorTable {
            static let all: [any Operator.Type] = [
        \(arguments.dropFirst(2).map { "        \($0).self," }.joined(separator: "\n"))
            ]
        }

        """
case "texts":
    let members = try arguments.dropFirst(2).map { path in
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
        var fence = "#"
        while text.contains("\"\"\"" + fence) || text.contains("\\" + fence) { fence += "#" }
        return "    static let \(name) = \(fence)\"\"\"\n\(text)\n\"\"\"\(fence)\n"
    }
    source = "/// Text files of this target, as they are.\nenum EmbeddedText {\n\(members.joined())}\n"
default:
    fatalError("make-source: unknown kind of source")
}
try Data(source.utf8).write(to: URL(fileURLWithPath: arguments[1]))
