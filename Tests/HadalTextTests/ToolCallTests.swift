import HadalCore
import Testing
import TestSupport

@testable import HadalText

@Suite struct ToolCallTests {
    /// All formats of a template that mentions these texts.
    private func formats(_ template: String) -> [ToolCallFormat] { ChatConventions.builtIn.tools(template: template, tokenizer: nil) }

    private func parse(_ pieces: [String], _ template: String, tools: JSON? = nil, wasCut: Bool = false) -> (
        text: String, calls: [ToolCall]
    ) {
        var parser = ChatOutputParser(nil, formats(template), tools: tools ?? Self.tools)
        var events: [ChatOutputParser.Event] = []
        for piece in pieces { events += parser.feed(piece) }
        events += parser.finish(wasCut: wasCut)
        var (text, calls) = ("", [ToolCall]())
        for event in events {
            switch event {
            case .text(let piece):
                #expect(!piece.isEmpty)
                text += piece
            case .toolCall(let call): calls.append(call)
            case .reasoning, .textWasReasoning: Issue.record("\(event)")
            }
        }
        return (text, calls)
    }

    struct Case: CustomTestStringConvertible, Sendable {
        var template: String
        var text: String
        var said: String
        var calls: [(name: String, arguments: String)]
        var testDescription: String { text }
    }

    private static let sections = "<｜tool▁call▁begin｜>"
    private static let markup = "｜DSML｜"
    private static let json = "<tool_call>"

    static let good: [Case] = [
        Case(
            template: sections,
            text:
                "Sure.\n\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\": \"München\"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n{\"numbers\": [1, -2.5e3]}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
            said: "Sure.", calls: [("get_weather", #"{"city": "München"}"#), ("add", #"{"numbers": [1, -2.5e3]}"#)]),
        // The later, shorter form, and one whose closing marker never came.
        Case(
            template: sections,
            text:
                "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": \"</x> } \\\" ｜\"}<｜tool▁call▁end｜><｜tool▁call▁begin｜>g<｜tool▁sep｜>{}",
            said: "", calls: [("f", #"{"a": "</x> } \" ｜"}"#), ("g", "{}")]),
        Case(
            template: markup,
            text:
                "I look.\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"s\" string=\"true\">5 < 6\n</｜DSML｜parameter>\n<｜DSML｜parameter name=\"n\" string=\"false\">[1, {\"a\": null}]</｜DSML｜parameter>\n</｜DSML｜invoke>\n<｜DSML｜invoke name=\"g\">\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
            said: "I look.", calls: [("f", #"{"s": "5 < 6\n", "n": [1, {"a": null}]}"#), ("g", "{}")]),
        Case(
            template: json,
            text:
                "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"</tool_call>\"}}\n</tool_call>\n<tool_call>{\"name\":\"g\"}</tool_call> Done.",
            said: "Done.", calls: [("f", #"{"a": "</tool_call>"}"#), ("g", "{}")]),
        // Arguments that are JSON in a string.
        Case(
            template: json, text: #"<tool_call>{"name": "f", "arguments": "{\"a\": 1}"}</tool_call>"#, said: "",
            calls: [("f", #"{"a": 1}"#)]),
        Case(
            template: "<tool_call> <function=",
            text:
                "<tool_call>\n<function=f>\n<parameter=text>\nline\n\n</parameter>\n<parameter=count>\n3\n</parameter>\n<parameter=exact>\nTrue\n</parameter>\n</function>\n</tool_call>",
            said: "", calls: [("f", #"{"text": "line\n", "count": 3, "exact": true}"#)]),
        Case(
            template: "<tool_call> <arg_key>",
            text: "<tool_call>f\n<arg_key>text</arg_key>\n<arg_value>7</arg_value>\n</tool_call><tool_call>g</tool_call>",
            said: "", calls: [("f", #"{"text": "7"}"#), ("g", "{}")]),
        Case(
            template: "[TOOL_CALLS]",
            text: "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"a\": []}}, {\"name\": \"g\", \"arguments\": {}}]",
            said: "", calls: [("f", #"{"a": []}"#), ("g", "{}")]),
        Case(
            template: "[TOOL_CALLS]", text: "[TOOL_CALLS]f[CALL_ID]abcdefghi[ARGS]{\"a\": 1}[TOOL_CALLS]g[ARGS]{}", said: "",
            calls: [("f", #"{"a": 1}"#), ("g", "{}")]),
        Case(
            template: "<|tool_call_argument_begin|>",
            text:
                "x<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{\"a\": 1}<|tool_call_end|><|tool_calls_section_end|>",
            said: "x", calls: [("f", #"{"a": 1}"#)]),
        Case(
            template: "<|channel|> to=functions", text: "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\": 1}",
            said: "",
            calls: [("f", #"{"a": 1}"#)]),
        Case(
            template: #""name": function name"#, text: #"{"name": "f", "parameters": {"text": "x"}}; {"name": "g", "parameters": {}}"#,
            said: "",
            calls: [("f", #"{"text": "x"}"#), ("g", "{}")]),
    ]

    /// What looks like a call and is none, by template; all of it is text.
    static let bad: [(String, String)] = [
        (sections, "<｜tool▁calls▁begin｜> no call"),
        (sections, "<｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"a\": }\n```<｜tool▁call▁end｜>"),
        (sections, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"a\": 1"),
        (sections, "a <｜tool▁calls▁end｜> b"),
        (
            markup,
            "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"n\" string=\"false\">not json</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>"
        ),
        (markup, "<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"n\" string=\"true\">cut"),
        (json, "<tool_call>{\"name\": 5}</tool_call>"),
        (json, "<tool_call>{\"name\": \"f\", \"arguments\": [1]}</tool_call>"), (json, "<tool_call>{\"unknown\": 1}</tool_call>"),
        (json, "a < b <tool"),
        (json, "<tool_call>{\"name\": \"f\"}</tool_ca x"), (json, " <tool_call> \n <tool_call>\n"), ("[TOOL_CALLS]", "[TOOL_CALLS] none"),
        (#""name": function name"#, #" {"name": "Ada", "parameters": {}}"#), (#""name": function name"#, #"{"city": "Oslo", "name": "f"}"#),
        (#""name": function name"#, "{ a }"), (#""name": function name"#, #"f {"name": "f", "parameters": {}}"#),
        ("<tool_call> <function=", "<tool_call>\n<function=f>\n<parameter=a>x</parameter>"),
    ]

    private static let tools: JSON = [
        ["type": "function", "function": ["name": "f", "parameters": ["type": "object", "properties": ["text": ["type": "string"]]]]],
        ["type": "function", "function": ["name": "g"]],
    ]

    /// A text in two pieces at every place, scalar by scalar, and whole.
    private func cuts(_ text: String) -> [[String]] {
        let scalars = Array(text.unicodeScalars)
        func string(_ part: some Sequence<Unicode.Scalar>) -> String {
            var out = String.UnicodeScalarView()
            out.append(contentsOf: part)
            return String(out)
        }
        return [[text], scalars.map { string([$0]) }] + (0...scalars.count).map { [string(scalars[..<$0]), string(scalars[$0...])] }
    }

    @Test("calls are found however the text is cut", arguments: good)
    func calls(_ item: Case) throws {
        for pieces in cuts(item.text) {
            let result = parse(pieces, item.template, tools: Self.tools)
            #expect(ExactString(result.text) == ExactString(item.said), "\(pieces)")
            #expect(result.calls.map(\.name) == item.calls.map(\.name), "\(pieces)")
            for (call, wanted) in zip(result.calls, item.calls) {
                let arguments = try JSONDocument(parsing: call.argumentsJSON, file: "call").root
                #expect(arguments == (try JSONDocument(parsing: wanted.arguments, file: "wanted").root), "\(pieces)")
            }
            #expect(Set(result.calls.map(\.id)).count == result.calls.count)
        }
    }

    @Test("what is no call is text, to the last byte", arguments: bad)
    func text(_ template: String, _ text: String) {
        for pieces in cuts(text) {
            let result = parse(pieces, template, tools: Self.tools, wasCut: true)
            #expect(result.calls.isEmpty && ExactString(result.text) == ExactString(text), "\(pieces): \(result)")
        }
    }

    @Test func aBrokenCallDoesNotHideTheNext() {
        let broken = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{]\n```<｜tool▁call▁end｜>"
        let good = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>g\n```json\n{}\n```<｜tool▁call▁end｜>"
        let result = parse(["<｜tool▁calls▁begin｜>\(broken)\n\(good)<｜tool▁calls▁end｜>"], Self.sections)
        #expect(result.calls.map(\.name) == ["g"])
        #expect(result.text == "<｜tool▁calls▁begin｜>\(broken)")
    }

    @Test func callsAreToldAsSoonAsTheyAreWhole() {
        var parser = ChatOutputParser(nil, formats(Self.json), tools: Self.tools)
        #expect(parser.feed("Well, <b>") == [.text("Well, <b>")])
        #expect(parser.feed(" <tool_call>{\"name\": \"f\"}").isEmpty)
        #expect(parser.feed("</tool_call>") == [.toolCall(ToolCall(id: "call00001", name: "f", argumentsJSON: "{}"))])
        #expect(parser.feed("\nso").isEmpty == false)
    }

    @Test func anAnswerInJSONIsNotHeldBackLongerThanItsFirstKey() {
        var parser = ChatOutputParser(nil, formats(#""name": function name"#), tools: Self.tools)
        #expect(parser.feed("{\"").isEmpty)
        #expect(parser.feed("city\": \"Oslo\"") == [.text("{\"city\": \"Oslo\"")])
    }

    @Test func idsOfTheModelAreKept() {
        let result = parse(
            ["<|tool_call_begin|>functions.f:3<|tool_call_argument_begin|>{}<|tool_call_end|>"], "<|tool_call_argument_begin|>")
        #expect(result.calls.map(\.id) == ["functions.f:3"])
        #expect(parse(["[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}, \"id\": \"abc\"}]"], "[TOOL_CALLS]").calls.map(\.id) == ["abc"])
    }

    @Test("random text never crashes and loses nothing but markers of calls")
    func fuzz() {
        var random = SeededGenerator(seed: 11)
        let literals =
            formats("<｜tool▁call▁begin｜> ｜DSML｜ <tool_call> <function= <arg_key> [TOOL_CALLS]").flatMap(\.literals) + [
                "{", "}", "\"", "a", " ", "\n", ":", "\\", "[", "]",
            ]
        for _ in 0..<400 {
            let pieces = (0..<Int.random(in: 1...30, using: &random)).map { _ in
                literals[Int.random(in: 0..<literals.count, using: &random)]
            }
            let result = parse(pieces, "<｜tool▁call▁begin｜> ｜DSML｜ <tool_call> <function= <arg_key> [TOOL_CALLS]")
            if result.calls.isEmpty { #expect(ExactString(result.text) == ExactString(pieces.joined())) }
            for call in result.calls { #expect((try? JSONDocument(parsing: call.argumentsJSON, file: "call").root.object) != nil) }
        }
    }
}
