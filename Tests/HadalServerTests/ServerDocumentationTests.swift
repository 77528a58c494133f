import Foundation
import TestSupport
import Testing

@testable import HadalServer

/// The table of fields in docs/server.md.
@Suite("Documentation of the server")
struct ServerDocumentationTests {
    @Test("The table of docs/server.md says what the interfaces do with fields; run with HADAL_WRITE_DOCS=1 to write it anew")
    func fields() throws {
        let path = "\(Fixtures.repository)/docs/server.md"
        let interfaces: [(String, FieldTable)] = [
            ("chat completions", ChatCompletions.table), ("completions", Completions.table), ("responses", Responses.table),
            ("messages", Messages.table), ("Ollama", Ollama.table), ("Ollama, `options`", Ollama.options),
        ]
        func names(_ list: [String]) -> String { list.map { "`\($0)`" }.joined(separator: ", ") }
        let head = "| interface | honoured | harmless | refused |\n|---|---|---|---|\n"
        let rows = interfaces.map { name, table in
            let refused = table.refused.map { "`\($0.name)`: \($0.reason)" }.joined(separator: "<br>")
            return "| \(name) | \(names(table.honoured)) | \(names(table.harmless)) | \(refused) |\n"
        }
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let start = try #require(text.range(of: head))
        let end = try #require(text.range(of: "\n\n", range: start.lowerBound..<text.endIndex) ?? text.range(of: "\n- `n`"))
        let wanted = text[..<start.upperBound] + rows.joined() + text[text.index(after: end.lowerBound)...]
        if ProcessInfo.processInfo.environment["HADAL_WRITE_DOCS"] == "1" {
            try wanted.write(toFile: path, atomically: true, encoding: .utf8)
        } else {
            #expect(text == wanted)
        }
    }

    @Test("docs/server.md names every route")
    func routes() throws {
        let text = try String(contentsOfFile: "\(Fixtures.repository)/docs/server.md", encoding: .utf8)
        for route in RouteList.interfaces where route.path != "/models" {
            let name = route.path.replacingOccurrences(of: "{model}", with: "NAME").replacingOccurrences(of: "/api/", with: "")
            #expect(text.contains(name), "\(route.path)")
        }
    }
}
