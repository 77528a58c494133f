import Foundation
import TestSupport
import Testing

@Suite("What libraries say")
struct LibraryTextTests {
    /// Arguments of other programs that libraries run.
    private static let othersArguments: Set<String> = ["--version", "--target-env", "--target-env=vulkan1.2", "--quiet"]

    private static func isFlagOrCommand(_ text: String) -> Bool {
        text.range(of: #"(^|[^-\w])--[a-z]|\bhadal [a-z]"#, options: .regularExpression) != nil
    }

    /// An application that embeds Hadal has no flags: a setting is a value of `HadalError.Hint`, which HadalCLI renders.
    @Test("names no flag and no command of the command line")
    func noFlags() throws {
        var seen = 0
        for folder in ["Sources", "Plugins"] {
            let root = "\(Fixtures.repository)/\(folder)"
            for case let name as String in try #require(FileManager.default.enumerator(atPath: root)) where name.hasSuffix(".swift") {
                // Pages of docs/, which are about the command line too, are written from libraries.
                if name.hasPrefix("HadalCLI/") || name.hasSuffix("+Markdown.swift") { continue }
                for literal in SwiftLiterals.all(in: try String(contentsOfFile: "\(root)/\(name)", encoding: .utf8)) {
                    seen += 1
                    guard !Self.othersArguments.contains(literal.text) else { continue }
                    #expect(!Self.isFlagOrCommand(literal.text), "\(folder)/\(name):\(literal.line): \"\(literal.text)\"")
                }
            }
        }
        #expect(seen > 3000)
    }

    @Test(
        "is found in any literal",
        arguments: [
            (#"let a = "raise --context""#, true), (#"let a = "run: hadal pull \(name)""#, true),
            ("let a = \"\"\"\n  x --place\n  \"\"\"", true),
            (##"let a = #"x \#(f("use --raw")) y"#"##, true), (#"// "raise --context""#, false),
            (#"/* /* "--a" */ "--b" */ let a = "x-y -- z""#, false),
            (#"let a = "\\"; f("\(x)"); // --context"#, false), ("let a = \"\u{2014}hadal \\(b)\"", false),
        ])
    func literals(source: String, names: Bool) {
        #expect(SwiftLiterals.all(in: source).contains { Self.isFlagOrCommand($0.text) } == names)
    }
}
