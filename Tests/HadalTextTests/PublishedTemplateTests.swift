import HadalCore
import HadalFormats
import HadalTemplate
import TestSupport
import Testing

@testable import HadalText

@Suite("Chat templates in every place they are published in")
struct PublishedTemplateTests {
    private func rendered(_ templates: PublishedTemplates, named name: String? = nil, tools: Bool) throws -> String? {
        try ChatTemplates(templates).choose(named: name, withTools: tools)?.render(messages: [], tools: tools ? [["name": "f"]] : nil)
    }

    @Test(
        arguments: [
            ["tokenizer_config.json": #"{"chat_template": [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}]}"#],
            ["tokenizer_config.json": #"{"chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]}"#],
            ["tokenizer_config.json": #"{"chat_template": {"tool_use": "T", "default": "D"}}"#],
            ["chat_template.json": #"{"chat_template": {"tool_use": "T", "default": "D"}}"#],
            ["chat_template.json": #"{"chat_template": [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}]}"#],
            ["processor_config.json": #"{"chat_template": {"tool_use": "T", "default": "D"}}"#, "tokenizer_config.json": "{}"],
        ] as [[String: String]])
    func namesInDirectories(_ files: [String: String]) throws {
        let templates = try PublishedTemplates(FileProvider(files: files.mapValues { Array($0.utf8) }, directory: "m"))
        #expect(try rendered(templates, tools: false) == "D")
        #expect(try rendered(templates, tools: true) == "T")
        #expect(try rendered(templates, named: "default", tools: true) == "D")
        expectError(.notFound, "no chat template named 'rag'") { try rendered(templates, named: "rag", tools: true) }
    }

    @Test(
        arguments: [
            (["chat_template.jinja": "A", "tokenizer_config.json": #"{"chat_template": [{"name": "tool_use", "template": "T"}]}"#], "A"),
            (["tokenizer_config.json": #"{"chat_template": "B"}"#, "chat_template.json": #"{"chat_template": "C"}"#], "B"),
            (["chat_template.json": #"{"chat_template": "C"}"#, "processor_config.json": #"{"chat_template": "D"}"#], "C"),
            (["processor_config.json": #"{"chat_template": "D"}"#], "D"),
        ] as [([String: String], String)])
    func filesOfTheirOwnComeFirst(_ files: [String: String], _ text: String) throws {
        let templates = try PublishedTemplates(FileProvider(files: files.mapValues { Array($0.utf8) }, directory: "m"))
        #expect(try rendered(templates, tools: true) == text)
    }

    @Test func filesBesideTheDefaultOne() throws {
        let templates = try PublishedTemplates(FileProvider(directory: Fixtures.path("templates/named")))
        #expect(templates.entries.map(\.name) == ["default", "rag", "tool_use"])
        #expect(try rendered(templates, tools: true) == "TOOL f" && rendered(templates, named: "rag", tools: false) == "RAG")
        #expect(templates.entries.last?.origin.hasSuffix("additional_chat_templates/tool_use.jinja") == true)
    }

    @Test func namesInMetadata() throws {
        let values: [String: MetadataValue] = [
            "tokenizer.chat_template.tool_use": MetadataValue("T"), "tokenizer.chat_template": MetadataValue("D"),
            "tokenizer.chat_templates": .array(MetadataArray(strings: ["tool_use"])),
        ]
        let templates = PublishedTemplates(file: "m.gguf", keys: values.keys.sorted(), metadata: { values[$0] })
        #expect(templates.entries.map(\.name) == ["default", "tool_use"])
        #expect(try rendered(templates, tools: true) == "T" && rendered(templates, tools: false) == "D")
    }

    @Test func brokenTemplatesAreLeftOutWithAWarning() throws {
        let files = ["tokenizer_config.json": Array(#"{"chat_template": {"default": "D", "tool_use": "{% if"}}"#.utf8)]
        let published = try PublishedTemplates(FileProvider(files: files, directory: "m"))
        var warnings: [String] = []
        #expect(try ChatTemplates(published) { warnings.append($0) }.named.map(\.name) == ["default"])
        #expect(warnings.count == 1)
        #expect { try ChatTemplates(published) } throws: { ($0 as? TemplateError)?.kind == .syntax }
    }
}
