import Foundation
public import HadalCore
import HadalTemplate
import Testing
import TestSupport

@testable import HadalText

@Suite struct ChatFormatTests {
    static let folder = Fixtures.goldens.map { "\($0)/chat_templates" }
    static let templates =
        folder.flatMap { try? FileManager.default.contentsOfDirectory(atPath: $0).filter { $0.hasSuffix(".jinja") }.sorted() } ?? []

    private func template(_ name: String) throws -> ChatTemplate {
        try ChatTemplate(source: String(contentsOfFile: "\(try #require(Self.folder))/\(name)", encoding: .utf8), name: name)
    }

    private func format(_ template: ChatTemplate) -> ChatFormat {
        ChatFormat(template: template, tokenizer: nil, variables: ["bos_token": "<BOS>", "eos_token": "<EOS>"])
    }

    @Test func theListIsWhole() throws {
        let file = "\(Fixtures.repository)/Sources/HadalText/Chat/Resources/chat_formats.json"
        let list = try ChatConventions(JSONDocument(contentsOf: file, rejectDuplicateKeys: true))
        #expect(list.reasoning.count >= 9 && list.tools.count >= 12)
        #expect(ChatConventions.builtIn.tools.count == list.tools.count)
    }

    @Test(arguments: [
        (#"{"hadal": "chat-formats/2"}"#, HadalError.Code.unsupported, "chat-formats"),
        (#"{"hadal": "chat-formats/1"}"#, .malformed, "reasoning"),
        (#"{"hadal": "chat-formats/1", "reasoning": [{"name": "x", "open": "", "close": "y"}]}"#, .malformed, "empty"),
    ])
    func aBrokenListIsRefused(text: String, code: HadalError.Code, named: String) {
        expectError(code, named, "list.json:1:") { try ChatConventions(JSONDocument(parsing: text, file: "list.json")) }
    }

    @Test(arguments: ["no literal {name} first", "<a {nothing}>", "<a {name", "<a>{value} {name}", "{name}"])
    func aBrokenPatternIsRefused(pattern: String) {
        #expect(throws: ToolCallPatternFault.self) { try ToolCallPattern(pattern == "no literal {name} first" ? " {name}" : pattern) }
    }

    @Test(
        "markers and switches are found in templates", .enabled(if: folder != nil, "needs the goldens beside the checkout"),
        arguments: [
            ("llama-cpp-deepseek-r1.jinja", "<think>", nil),
            ("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B.jinja", "<think>", "enable_thinking"),
            ("deepseek-ai-DeepSeek-V3.2.jinja", "<think>", "enable_thinking"), ("Qwen-Qwen3-0.6B.jinja", "<think>", "enable_thinking"),
            ("MiniMax-M3.jinja", "<mm:think>", "thinking_mode"), ("ByteDance-Seed-OSS.jinja", "<seed:think>", "thinking_budget"),
            ("CohereForAI-c4ai-command-r7b-12-2024-tool_use.jinja", "<|START_THINKING|>", "enable_thinking"),
            ("meta-llama-Llama-3.2-3B-Instruct.jinja", nil, nil), ("microsoft-Phi-3.5-mini-instruct.jinja", nil, nil),
        ] as [(String, String?, String?)])
    func markers(name: String, open: String?, variable: String?) throws {
        let format = format(try template(name))
        #expect(format.reasoning?.open == open)
        #expect(format.thinkingSwitch?.variable == variable)
    }

    /// Templates that show no calls at all, cannot be given two, or write them in a form that is not in the list.
    static let without: Set<String> = [
        "HuggingFaceTB-SmolLM3-3B.jinja", "Kimi-K2-Thinking.jinja", "LFM2-8B-A1B.jinja", "llama-cpp-deepseek-r1.jinja",
        "meta-llama-Llama-3.2-3B-Instruct.jinja", "microsoft-Phi-3.5-mini-instruct.jinja",
    ]

    @Test(
        "calls that a template writes are read back", .enabled(if: folder != nil, "needs the goldens beside the checkout"),
        arguments: templates)
    func roundTrip(name: String) throws {
        let template = try template(name)
        let format = format(template)
        let calls = [
            ToolCall(id: "call00001", name: "get_weather", argumentsJSON: #"{"city": "München", "days": 3}"#),
            ToolCall(id: "call00002", name: "add", argumentsJSON: #"{"numbers": [1, 2.5], "exact": true, "note": "a\nb"}"#),
        ]
        let tools: JSON = [
            tool("get_weather", ["city": ["type": "string", "description": "c"], "days": ["type": "integer", "description": "d"]]),
            tool(
                "add",
                [
                    "numbers": ["type": "array", "items": ["type": "number"], "description": "n"],
                    "exact": ["type": "boolean", "description": "e"],
                    "note": ["type": "string", "description": "n"],
                ]),
        ]
        let question: JSON = ["role": "user", "content": "Do both."]
        let answer = JSON(
            .object(
                JSONObject([
                    ("role", "assistant"), ("content", format.takesNullContent ? .null : ""),
                    ("tool_calls", JSON(.array(calls.map { $0.json(argumentsAsText: format.takesArgumentsAsText) }))),
                ])))
        func render(_ messages: [JSON], prompt: Bool) -> String? {
            try? template.render(
                messages: JSON(.array(messages)), tools: tools,
                options: [
                    "add_generation_prompt": JSON(.bool(prompt)), "bos_token": "<BOS>", "eos_token": "<EOS>", "functions": "[]",
                    "datetime": "now",
                ])
        }
        guard !Self.without.contains(name) else { return }
        let asked = try #require(render([question], prompt: true))
        let answered = try #require(render([question, answer], prompt: false))
        let common = zip(asked.utf8, answered.utf8).prefix { $0 == $1 }.count
        // What the model would have written: all after the common beginning, up to a marker's first letter.
        var start = common
        let bytes = Array(answered.utf8)
        while start > 0, bytes[start - 1] != UInt8(ascii: ">"), bytes[start - 1] != 0x0A, common - start < 40 { start -= 1 }
        var parser = ChatOutputParser(format, afterPrompt: String(decoding: bytes[..<start], as: UTF8.self), tools: tools)
        var found: [ToolCall] = []
        for event in parser.feed(String(decoding: bytes[start...], as: UTF8.self)) + parser.finish() {
            if case .toolCall(let call) = event { found.append(call) }
        }
        #expect(found.map(\.name) == calls.map(\.name), "\(String(decoding: bytes[start...], as: UTF8.self))")
        for (call, wanted) in zip(found, calls) { #expect(call.arguments == wanted.arguments, "\(call)") }
    }

    private func tool(_ name: String, _ properties: JSON) -> JSON {
        [
            "type": "function",
            "function": [
                "name": JSON(.string(name)), "description": "a tool",
                "parameters": ["type": "object", "properties": properties, "required": []],
            ],
        ]
    }

    @Test func formsOfMessages() throws {
        func form(_ source: String) throws -> [Bool] {
            let format = ChatFormat(template: try ChatTemplate(source: source), tokenizer: nil)
            return [format.takesNullContent, format.takesArgumentsAsText]
        }
        let calls =
            "{% for m in messages %}{{ m.role }}{% for c in m.tool_calls %}{{ c.function.name }}ARGUMENTS{% endfor %}{% if not m.tool_calls %}{{ m.content }}{% endif %}{% endfor %}"
        func with(_ arguments: String) -> String { calls.replacingOccurrences(of: "ARGUMENTS", with: arguments) }
        #expect(try form(with("{{ c.function.arguments | tojson }}")) == [true, false])
        #expect(try form(with("{{ 'x' + c.function.arguments }}")) == [true, true])
        // Printed as Python prints a dictionary, which is no JSON.
        #expect(try form(with("{{ c.function.arguments }}")) == [true, true])
        // A template that forgets calls beside a text.
        let forgetful = try ChatTemplate(
            source: "{% for m in messages %}{% if m.content %}{{ m.content }}{% else %}{{ m.tool_calls | tojson }}{% endif %}{% endfor %}")
        #expect(!ChatFormat(template: forgetful, tokenizer: nil).keepsContentWithCalls)
        #expect(ChatFormat(template: try ChatTemplate(source: "{{ messages | tojson }}"), tokenizer: nil).keepsContentWithCalls)
        #expect(try form(with("{{ m.content + 'x' }}{{ c.function.arguments | tojson }}")) == [false, false])
        #expect(
            try form(
                "{% for m in messages %}{% if m.content is none %}{% for c in m.tool_calls %}{{ c.function.name + c.function.arguments }}{% endfor %}{% endif %}{% endfor %}"
            ) == [true, true])
    }

    @Test("every id of a marker is shown, not only the one that encoding finds")
    func markersThatAVocabularyHasTwice() throws {
        var vocabulary = GGUFVocabulary()
        vocabulary.model = "gpt2"
        vocabulary.tokens = ["a", "<think>", "</think>", "<think>", "</think>", "<pad>"].map { Array($0.utf8) }
        vocabulary.kinds = [.normal, .control, .control, .control, .control, .control]
        let tokenizer = try Tokenizer(vocabulary)
        let format = ChatFormat(template: try ChatTemplate(source: "{# <think> </think> #}"), tokenizer: tokenizer)
        #expect(format.shownControlTokens(of: tokenizer, withTools: false) == [1, 2, 3, 4])
    }

    @Test func reasoningInChannels() throws {
        let markers = try #require(ChatConventions.builtIn.reasoning(template: "<|channel|>analysis", tokenizer: nil))
        let text =
            "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary<|message|>I look.<|end|><|start|>assistant<|channel|>analysis<|message|>so<|end|><|start|>assistant<|channel|>final<|message|>Hi!"
        for size in [1, 3, 7, 1000] {
            var parser = ChatOutputParser(markers, [])
            var (reasoning, answer) = ("", "")
            let scalars = Array(text)
            for start in stride(from: 0, to: scalars.count, by: size) {
                for event in parser.feed(String(scalars[start..<min(scalars.count, start + size)]))
                    + (start + size >= scalars.count ? parser.finish() : [])
                {
                    switch event {
                    case .reasoning(let text): reasoning += text
                    case .text(let text): answer += text
                    case .toolCall, .textWasReasoning: Issue.record("\(event)")
                    }
                }
            }
            #expect(reasoning == "hmso" && answer == "I look.Hi!", "\(size): \(reasoning) | \(answer)")
        }
    }

    @Test("markers of the real vocabulary reach the parser", .enabled(if: folder != nil, "needs the goldens beside the checkout"))
    func realVocabulary() throws {
        let tokenizer = try Tokenizer(contentsOf: "\(try #require(Fixtures.goldens))/tokenizers/deepseek_v3.tokenizer.json")
        // Nothing but the vocabulary tells the forms of a model that comes without a template.
        let format = ChatFormat(template: nil, tokenizer: tokenizer)
        #expect(format.reasoning?.open == "<think>" && format.toolFormats.contains { $0.name == "call sections" })
        let tools: JSON = [["type": "function", "function": ["name": "f"]]]
        var detokenizer = IncrementalDetokenizer(
            tokenizer, shown: format.shownControlTokens(of: tokenizer, withTools: true), continuing: true)
        var parser = ChatOutputParser(format, afterPrompt: "<think>\n", tools: tools)
        let text =
            "hm ⚠️ 思\n</think>\n\nSo:<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"a\": \"é\"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜>"
        var events: [ChatOutputParser.Event] = []
        for id in try tokenizer.encode(text, parseSpecial: true) { events += parser.feed(try detokenizer.append(id)) }
        events += parser.feed(detokenizer.finish()) + parser.finish()
        var (reasoning, answer, calls) = ("", "", [ToolCall]())
        for event in events {
            switch event {
            case .reasoning(let piece): reasoning += piece
            case .text(let piece): answer += piece
            case .toolCall(let call): calls.append(call)
            case .textWasReasoning: Issue.record("the block was opened")
            }
        }
        #expect(reasoning == "hm ⚠️ 思" && answer == "So:" && calls == [ToolCall(id: "call00001", name: "f", argumentsJSON: #"{"a": "é"}"#)])
    }

    @Test func aCallEndsReasoningThatWasNotClosed() {
        let format = ChatFormat(template: try? ChatTemplate(source: "{# <think> <｜tool▁call▁begin｜> #}"), tokenizer: nil)
        var parser = ChatOutputParser(format, afterPrompt: "<think>\n", tools: [["function": ["name": "f"]]])
        let events = parser.feed("hm\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜>") + parser.finish()
        #expect(events == [.reasoning("hm"), .toolCall(ToolCall(id: "call00001", name: "f", argumentsJSON: "{}"))])
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSON)...) { self.init(elements) }
}
