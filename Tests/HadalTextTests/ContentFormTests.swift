import HadalCore
import HadalTemplate
import TestSupport
import Testing

@testable import HadalText

/// Content as text and in parts, as templates read it.
@Suite struct ContentFormTests {
    private static let loop = "{% for m in messages %}<{{ m.role }}>"
    private static let end = "{% endfor %}"
    /// Reads texts alone.
    static let text = loop + "{{ m.content + '' }}" + end
    /// Reads parts alone.
    static let parts = loop + "{% for p in m.content %}{{ p.text }}{% endfor %}" + end
    /// Reads both.
    static let both =
        loop
        + "{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% else %}[{{ p.type }}]{% endif %}{% endfor %}{% endif %}"
        + end
    /// Reads parts of users and tools, texts of all others.
    static let mixed = loop + "{% if m.role in ['user', 'tool'] %}{{ m.content[0].text }}{% else %}{{ m.content + '' }}{% endif %}" + end

    private func render(_ template: String, _ messages: String) throws -> String {
        let template = try ChatTemplate(source: template)
        let document = try JSONDocument(parsing: messages, file: "messages.json")
        let forms = ChatFormat(template: template, tokenizer: nil).content
        return try template.render(messages: try forms.adapted(document.root, in: document))
    }

    static let strings =
        #"[{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}, {"role": "tool", "content": "T"}]"#
    static let lists =
        #"[{"role": "system", "content": [{"type": "text", "text": "S"}]}, {"role": "user", "content": [{"type": "text", "text": "Q"}]}, {"role": "assistant", "content": [{"type": "text", "text": "A"}]}, {"role": "tool", "content": [{"type": "text", "text": "T"}]}]"#

    @Test("content reaches the prompt however it is given and read", arguments: [text, parts, both, mixed], [strings, lists])
    func everyForm(template: String, messages: String) throws {
        #expect(try render(template, messages) == "<system>S<user>Q<assistant>A<tool>T")
    }

    @Test func severalPartsAreJoined() throws {
        let messages = #"[{"role": "user", "content": [{"type": "text", "text": "a "}, "b", {"type": "input_text", "text": " c"}]}]"#
        #expect(try render(Self.text, messages) == "<user>a b c")
    }

    @Test("a part that is no text is refused where the template reads none, by its name and place")
    func otherParts() throws {
        let messages =
            "[{\"role\": \"user\",\n\"content\": [{\"type\": \"text\", \"text\": \"a\"},\n{\"type\": \"image_url\", \"image_url\": {\"url\": \"x\"}}]}]"
        expectError(.unsupported, "\"image_url\"", "messages.json:3:1") { try render(Self.text, messages) }
        #expect(try render(Self.both, messages) == "<user>a[image_url]")
    }

    @Test func thoughtsInPartsAreReasoning() throws {
        let document = try JSONDocument(
            parsing: #"[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "Hi"}]"#,
            file: "content")
        let found = try ContentForms.texts(document.root, in: document)
        #expect(found.text == "Hi" && found.reasoning == "hm")
    }

    @Test func callsBesideContentInParts() throws {
        let source =
            "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% for c in m.tool_calls or [] %}({{ c.function.name }} {{ c.function.arguments | tojson }}){% endfor %}{% endfor %}"
        let format = ChatFormat(template: try ChatTemplate(source: source), tokenizer: nil)
        #expect(!format.takesNullContent && !format.takesArgumentsAsText && format.keepsContentWithCalls)
        #expect(format.content.content("", role: "assistant") == JSON(.array([])))
    }
}
