import HadalCore
import HadalTemplate
import Testing

/// Tools as a template sees them, in whatever form they are given.
@Suite struct ToolListTests {
    @Test(arguments: [
        (#"[{"name": "f", "parameters": {}}]"#, "f"),
        (#"[{"type": "function", "name": "f", "parameters": {}}]"#, "f"),
        (#"[{"function": {"name": "f", "parameters": {}}}]"#, "f"),
        (#"[{"type": "function", "function": {"name": "f", "parameters": {}}}]"#, "f"),
    ])
    func toolsAreWrapped(_ tools: String, _ name: String) throws {
        let template = try ChatTemplate(
            source: "{% for t in tools %}{{ t.type }} {{ t.function.name }} {{ t.function.parameters is mapping }}{% endfor %}")
        #expect(try template.render(messages: [], tools: JSONDocument(parsing: tools, file: "t").root) == "function f True")
    }

    @Test func otherToolsStayAsTheyAre() throws {
        let template = try ChatTemplate(source: "{{ tools | tojson }}")
        for text in [#"[{"type": "web_search"}]"#, #"["f"]"#, #"[{"type": "web_search", "name": "f"}]"#] {
            #expect(try template.render(messages: [], tools: JSONDocument(parsing: text, file: "t").root) == text)
        }
    }
}
