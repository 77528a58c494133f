import Foundation
import HadalCore
import HadalTemplate
import Testing
import TestSupport

/// Small templates against what jinja2 renders.
@Suite struct TemplateSnippetTests {
    static let clock = try? TemplateClock(iso8601: "2025-03-09T14:05:06")

    @Test(arguments: [("snippets", 1500), ("integers", 600)])
    func snippetsRenderAsJinja2RendersThem(file: String, atLeast count: Int) throws {
        let document = try JSONDocument(contentsOf: Fixtures.path("templates/\(file).json")).root
        let variables = try #require(document.object?["variables"]?.object)
        let snippets = try #require(document.object?["snippets"]?.array)
        #expect(snippets.count >= count)
        let clock = try #require(Self.clock)
        for snippet in snippets {
            let row = try #require(snippet.object)
            let source = try #require(row["t"]?.string)
            let rendered = Result { try ChatTemplate(source: source, name: "snippet").render(variables: variables, now: clock) }
            switch rendered {
            case .success(let text):
                let wanted = row["o"]?.string
                #expect(wanted != nil, "jinja2 refuses \(source.debugDescription), but it rendered \(text.debugDescription)")
                if let wanted {
                    #expect(
                        Array(text.utf8) == Array(wanted.utf8),
                        "\(source.debugDescription) gave \(text.debugDescription), not \(wanted.debugDescription)")
                }
            case .failure(let error):
                #expect(row["o"] == nil, "\(source.debugDescription) failed: \(error)")
            }
        }
    }

    @Test func chatsRenderAsTransformersRendersThem() throws {
        let clock = try #require(Self.clock)
        try expectRows(of: Fixtures.path("templates/chats.jsonl"), templates: Fixtures.path("templates"), atLeast: 48, now: clock)
    }

    @Test(.enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"))
    func publishedTemplatesRenderTheirGoldens() throws {
        let goldens = try #require(Fixtures.goldens)
        let clock = try #require(Self.clock)
        try expectRows(of: "\(goldens)/chat_goldens.jsonl", templates: "\(goldens)/chat_templates", atLeast: 800, now: clock)
    }

    private func expectRows(of file: String, templates: String, atLeast count: Int, now: TemplateClock) throws {
        var parsed: [String: ChatTemplate] = [:]
        var seen = 0
        for line in try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n") {
            let row = try JSONDocument(parsing: String(line), file: file).root
            let object = try #require(row.object)
            let name = try #require(object["template"]?.string)
            let template =
                try parsed[name] ?? ChatTemplate(source: String(contentsOfFile: "\(templates)/\(name)", encoding: .utf8), name: name)
            parsed[name] = template
            let result = try #require(try template.renderRow(row, now: now).object)
            let label = "\(name) \(object["case"]?.string ?? "")"
            if let wanted = object["rendered"]?.string {
                #expect(
                    result["rendered"]?.string.map { Array($0.utf8) } == Array(wanted.utf8),
                    "\(label): \(result["error"]?.string ?? "differs")")
            } else {
                #expect(result["error_kind"]?.string == object["error_kind"]?.string, "\(label)")
                if object["error_kind"]?.string == "raise_exception" {
                    #expect(result["error"]?.string == object["error"]?.string, "\(label)")
                }
            }
            seen += 1
        }
        #expect(seen >= count)
    }
}
