import ConstraintTestSupport
import HadalConstraints
import HadalCore
import TestSupport
import Testing

@testable import HadalEngine
@testable import HadalText

/// Whatever a grammar of calls allows, the parser of replies reads as calls that fit.
@Suite("Grammars of tool calls")
struct ToolCallGrammarTests {
    private static let tools: [Tool] = [
        Tool([
            "type": "function",
            "function": [
                "name": "get_weather",
                "parameters": [
                    "type": "object",
                    "properties": [
                        "city": ["type": "string", "maxLength": 8], "days": ["type": "integer", "minimum": 1, "maximum": 9],
                        "unit": ["enum": ["c", "f"]],
                        "tags": ["type": "array", "items": ["type": "string", "maxLength": 3], "maxItems": 2],
                        "note": ["type": ["string", "null"], "maxLength": 5],
                        "place": [
                            "type": "object", "properties": ["x": ["type": "number", "multipleOf": 1]], "additionalProperties": false,
                        ],
                    ],
                    "required": ["city", "days"], "additionalProperties": false,
                ],
            ],
        ]),
        Tool(["name": "now", "parameters": ["type": "object", "properties": [:], "additionalProperties": false]]),
    ]

    private static let bytes = TokenVocabulary((0...255).map { [UInt8($0)] } + [nil], endTokens: [256])

    /// A text that a constraint allows, chosen byte by byte.
    private func text(_ constraint: TextConstraint, _ random: inout SeededGenerator) throws -> [UInt8]? {
        var matcher = ConstraintMatcher(constraint.compiled, Self.bytes)
        var mask = TokenMask(tokenCount: 257)
        for _ in 0..<3000 {
            if try matcher.isFinished() { return matcher.bytes }
            try matcher.mask(into: &mask)
            if mask.contains(256), Int.random(in: 0..<3, using: &random) == 0 { return matcher.bytes }
            // Ends of values often, so that texts stay short.
            let tokens = mask.tokens.filter { $0 != 256 }
            let closing = tokens.filter { Array("\"}])</".utf8).contains(UInt8($0)) }
            let token =
                (Int.random(in: 0..<3, using: &random) > 0 ? closing.randomElement(using: &random) : nil)
                ?? tokens.randomElement(using: &random)
            guard let token, try matcher.accept(token: token) else { return nil }
        }
        return nil
    }

    private func check(_ form: WrittenCallForm, many: Bool, _ random: inout SeededGenerator, _ texts: ControlTokenText) throws {
        var writer = ToolCallGrammar(form, Self.tools, texts)
        let constraint = try TextConstraint(writer.finished([[try writer.group(many: many)]]))
        let schemas = try Self.tools.map {
            ConstraintMatcher(try TextConstraint(JSONSchemaReader.grammar($0.parameters ?? [:])).compiled, Self.bytes)
        }
        var found = 0
        for _ in 0..<12 {
            guard let bytes = try text(constraint, &random) else { continue }
            let written = String(decoding: bytes, as: UTF8.self)
            var parser = ChatOutputParser(nil, [form.format], tools: Self.tools.json)
            var calls: [ToolCall] = []
            var said = ""
            for event in parser.feed(written) + parser.finish() {
                if case .toolCall(let call) = event { calls.append(call) }
                if case .text(let text) = event { said += text }
            }
            #expect(
                said.isEmpty && !calls.isEmpty && (many || calls.count == 1), "\(form.format.name): \(written.debugDescription) \(said)")
            for call in calls {
                guard let index = Self.tools.firstIndex(where: { $0.name == call.name }) else {
                    Issue.record("\(form.format.name): \(call)")
                    continue
                }
                let ordered = SchemaOrder(root: Self.tools[index].parameters ?? [:]).ordered(call.arguments)
                var matcher = schemas[index]
                let fits = try matcher.accept(bytes: Array(JSONDump.compact.text(ordered).utf8)) && matcher.canEnd()
                #expect(fits, "\(form.format.name): \(written.debugDescription) gave \(call.argumentsJSON)")
            }
            found += 1
        }
        #expect(found > 3, "\(form.format.name)")
    }

    @Test("in every form of the list")
    func forms() throws {
        let engine = try RandomModel.engine()
        let texts = ControlTokenText(tokenizer: try engine.requireTokenizer(), endTokens: engine.endTokens)
        var random = SeededGenerator(seed: 4)
        for (format, _) in ChatConventions.builtIn.tools {
            for index in (format.calls + format.bare).indices {
                let form = try #require(WrittenCallForm(format, at: index))
                try check(form, many: index % 2 == 0, &random, texts)
            }
        }
    }

    @Test(
        "in the form in which a template wrote a call",
        arguments: [
            (
                "<tool_call>", "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"x\"}}\n</tool_call>", "tool_call elements", false,
                "arguments"
            ),
            (
                "<tool_call> <function=", "<tool_call>\n<function=f>\n<parameter=a>\nx\n</parameter>\n</function>\n</tool_call>",
                "function elements", false, "arguments"
            ),
            (
                "[TOOL_CALLS]", "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"a\": \"x\"}, \"id\": \"abcdefghi\"}]</s>",
                "call lists after a marker", true, "arguments"
            ),
            (
                "\"name\": function name", "<|start|>{\"name\": \"f\", \"parameters\": {\"a\": \"x\"}}<|eot_id|>", "bare objects", false,
                "parameters"
            ),
            ("<|tool_call_start|>", "<|tool_call_start|>[f(a=\"x\")]<|tool_call_end|>", "python calls between marks", true, "arguments"),
            (
                "<｜tool▁call▁begin｜>",
                "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": \"x\"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
                "call sections", false, "arguments"
            ),
        ])
    func found(_ template: String, _ text: String, _ name: String, _ isList: Bool, _ key: String) throws {
        let formats = ChatConventions.builtIn.tools(template: template, tokenizer: nil)
        let call = ToolCall(id: "1", name: "f", argumentsJSON: #"{"a": "x"}"#)
        let form = try #require(WrittenCallForm(formats, in: "question " + text + " answer", call: call))
        #expect(form.format.name == name && form.isList == isList && form.argumentsKey == key)
        #expect(form.begin.isEmpty || text.utf8.starts(with: form.begin))
        let engine = try RandomModel.engine()
        var random = SeededGenerator(seed: 7)
        let texts = ControlTokenText(tokenizer: try engine.requireTokenizer(), endTokens: engine.endTokens)
        try check(form, many: true, &random, texts)
    }
}
