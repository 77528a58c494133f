import HadalCore
import Testing

/// An output of a model, and what it is.
struct ChatOutputCase: CustomTestStringConvertible, Sendable {
    var form: String
    var output: String
    var prompt = ""
    var reasoning = ""
    var text = ""
    /// `name{arguments}`, one after another.
    var calls: [String] = []
    var wasCut = false
    var testDescription: String { "\(form): \(output)" }
}

extension ChatOutputCase {
    static let tools: JSON = [
        [
            "type": "function",
            "function": [
                "name": "get_weather",
                "parameters": [
                    "type": "object",
                    "properties": [
                        "city": ["type": "string"], "n": ["type": "integer"], "x": ["type": "number"], "flag": ["type": "boolean"],
                        "list": ["type": "array", "items": ["type": "string"]],
                        "obj": ["type": "object", "properties": ["a": ["type": "integer"], "b": ["type": "string"]]],
                    ],
                ],
            ],
        ],
        ["type": "function", "function": ["name": "noargs", "parameters": ["type": "object", "properties": [:]]]],
    ]

    static let rom = #"get_weather{"city":"Rom"}"#
    static let both = [rom, "noargs{}"]

    /// Two calls in each form, as published templates write them.
    static let forms: [ChatOutputCase] = [
        ChatOutputCase(
            form: "<tool_call>",
            output:
                "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"noargs\", \"arguments\": {}}\n</tool_call>",
            calls: both),
        ChatOutputCase(
            form: "<function=",
            output:
                "<tool_call>\n<function=get_weather>\n<parameter=city>\nRom\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=noargs>\n</function>\n</tool_call>",
            calls: both),
        ChatOutputCase(
            form: "<function=", output: "<function=get_weather>{\"city\": \"Rom\"}</function><function=noargs>{}</function>", calls: both),
        ChatOutputCase(
            form: "<arg_key>",
            output:
                "\n<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Rom</arg_value>\n</tool_call>\n<tool_call>noargs\n</tool_call>",
            calls: both),
        ChatOutputCase(
            form: "<arg_key> <tool_sep>",
            output:
                "<tool_calls>\n<tool_call>get_weather<tool_sep>\n<arg_key>city</arg_key>\n<arg_value>Rom</arg_value>\n</tool_call>\n<tool_call>noargs<tool_sep>\n</tool_call>\n</tool_calls>",
            calls: both),
        ChatOutputCase(
            form: "<tool_sep>",
            output:
                "<tool_calls><tool_call>function<tool_sep>get_weather\n```json\n{\"city\": \"Rom\"}\n```</tool_call>\n<tool_call>function<tool_sep>noargs\n```json\n{}\n```</tool_call></tool_calls>",
            calls: both),
        ChatOutputCase(
            form: "<invoke name= <parameter name=",
            output:
                "<minimax:tool_call>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Rom</parameter>\n</invoke>\n<invoke name=\"noargs\">\n</invoke>\n</minimax:tool_call>",
            calls: both),
        ChatOutputCase(
            form: "]<]minimax[>[",
            output:
                "]<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name=\"get_weather\">]<]minimax[>[<city>Rom]<]minimax[>[</city>]<]minimax[>[</invoke>\n]<]minimax[>[<invoke name=\"noargs\">]<]minimax[>[</invoke>\n]<]minimax[>[</tool_call>",
            calls: both),
        ChatOutputCase(
            form: "]<]minimax[>[",
            output:
                "]<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name=\"get_weather\">]<]minimax[>[<n>3]<]minimax[>[</n>]<]minimax[>[<list>]<]minimax[>[<item>1]<]minimax[>[</item>]<]minimax[>[<item>b]<]minimax[>[</item>]<]minimax[>[</list>]<]minimax[>[<obj>]<]minimax[>[<a>7]<]minimax[>[</a>]<]minimax[>[<b>7]<]minimax[>[</b>]<]minimax[>[</obj>]<]minimax[>[</invoke>\n]<]minimax[>[</tool_call>",
            calls: [#"get_weather{"n":3,"list":["1","b"],"obj":{"a":7,"b":"7"}}"#]),
        ChatOutputCase(
            form: "<tool_calls>",
            output:
                "<tool_calls>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}}\n{\"name\": \"noargs\", \"arguments\": {}}\n</tool_calls>",
            calls: both),
        ChatOutputCase(
            form: "<tool_calls>",
            output:
                "<tool_calls>[{\"name\": \"get_weather\", \"arguments\": \"{\\\"city\\\": \\\"Rom\\\"}\"}, {\"name\": \"noargs\", \"arguments\": \"\"}]</tool_calls>",
            calls: both),
        ChatOutputCase(
            form: "<function name= <param name=",
            output:
                "<function name=\"get_weather\"><param name=\"city\"><![CDATA[Rom]]></param></function><function name=\"noargs\"></function>",
            calls: both),
        ChatOutputCase(
            form: "[TOOL_CALLS]",
            output:
                "[TOOL_CALLS] [{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}}, {\"name\": \"noargs\", \"arguments\": {}}]",
            calls: both),
        ChatOutputCase(
            form: "[TOOL_CALLS]", output: "[TOOL_CALLS]get_weather[ARGS]{\"city\": \"Rom\"}[TOOL_CALLS]noargs[CALL_ID]abcdefghi[ARGS]{}",
            calls: both),
        ChatOutputCase(form: "[TOOL_CALLS]", output: "[TOOL_CALLS]get_weather{\"city\": \"Rom\"}[TOOL_CALLS]noargs{}", calls: both),
        ChatOutputCase(
            form: "<｜tool▁call▁begin｜>",
            output:
                "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\": \"Rom\"}<｜tool▁call▁end｜><｜tool▁call▁begin｜>noargs<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
            calls: both),
        ChatOutputCase(
            form: "｜DSML｜",
            output:
                "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"get_weather\">\n<｜DSML｜parameter name=\"city\" string=\"true\">Rom</｜DSML｜parameter>\n</｜DSML｜invoke>\n<｜DSML｜invoke name=\"noargs\">\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
            calls: both),
        ChatOutputCase(
            form: "<|tool_call_argument_begin|>",
            output:
                "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{\"city\": \"Rom\"}<|tool_call_end|><|tool_call_begin|>functions.noargs:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
            calls: both),
        ChatOutputCase(
            form: "<|channel|> <|message|> to=functions",
            output:
                "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{\"city\": \"Rom\"}<|call|><|start|>assistant<|channel|>commentary to=functions.noargs <|constrain|>json<|message|>{}<|call|>",
            calls: both),
        ChatOutputCase(
            form: "<|channel|> <|message|> to=functions",
            output:
                "<|channel|>analysis<|message|>hm<|end|><|start|>assistant to=functions.get_weather<|channel|>commentary json<|message|>{\"city\": \"Rom\"}",
            reasoning: "hm", calls: [rom]),
        ChatOutputCase(
            form: "<|START_ACTION|>",
            output:
                "<|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"get_weather\", \"parameters\": {\"city\": \"Rom\"}},\n    {\"tool_call_id\": \"1\", \"tool_name\": \"noargs\", \"parameters\": {}}\n]<|END_ACTION|>",
            calls: both),
        ChatOutputCase(
            form: "Action: ```json tool_name",
            output:
                "Action: ```json\n[\n    {\"tool_name\": \"get_weather\", \"parameters\": {\"city\": \"Rom\"}},\n    {\"tool_name\": \"noargs\", \"parameters\": {}}\n]```",
            calls: both),
        ChatOutputCase(
            form: "<|tool_call|>",
            output:
                "<|tool_call|>[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}}, {\"name\": \"noargs\", \"arguments\": {}}]",
            calls: both),
        ChatOutputCase(
            form: "<|/tool|>",
            output:
                "<|tool_call|>[{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Rom\"}}, {\"name\": \"noargs\", \"parameters\": {}}]<|/tool_call|>",
            calls: both),
        ChatOutputCase(
            form: "<|/tool|>",
            output: "functools[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}}, {\"name\": \"noargs\", \"arguments\": {}}]",
            calls: both),
        ChatOutputCase(
            form: "<|tool_list_start|>", output: "<|tool_call_start|>[get_weather(city=\"Rom\"), noargs()]<|tool_call_end|>", calls: both),
        ChatOutputCase(
            form: "<|tool_list_start|>",
            output:
                "<|tool_call_start|>[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}}, {\"name\": \"noargs\", \"arguments\": {}}]<|tool_call_end|>Done.",
            text: "Done.", calls: both),
        ChatOutputCase(
            form: "<|tool_call> <tool_call|>",
            output: "<|tool_call>call:get_weather{city:<|\"|>Rom<|\"|>}<tool_call|><|tool_call>call:noargs{}<tool_call|><|tool_response>",
            calls: both),
        ChatOutputCase(
            form: "<|tool_call> <tool_call|>",
            output:
                "<|tool_call>call:get_weather{city:<|\"|>a, \"b\": {c}<|\"|>,flag:true,list:[<|\"|>x<|\"|>,<|\"|>y<|\"|>],n:-3,obj:{a:1,b:<|\"|><|\"|>},x:1.5}<tool_call|>",
            calls: [#"get_weather{"city":"a, \"b\":{c}","flag":true,"list":["x","y"],"n":-3,"obj":{"a":1,"b":""},"x":1.5}"#]),
        ChatOutputCase(
            form: "<|tools_prefix|>", output: "<|tools_prefix|>[{\"get_weather\": {\"city\": \"Rom\"}}, {\"noargs\": {}}]<|tools_suffix|>",
            calls: both),
        ChatOutputCase(
            form: "<|action_start|>",
            output: "<|action_start|><|plugin|>\n{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Rom\"}}<|action_end|>",
            calls: [rom]),
        ChatOutputCase(
            form: "<TOOLCALL>",
            output:
                "<TOOLCALL>[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}}, {\"name\": \"noargs\", \"arguments\": {}}]</TOOLCALL>",
            calls: both),
        ChatOutputCase(
            form: "<seed:tool_call> <function=",
            output: "<seed:tool_call>\n<function=get_weather>\n<parameter=city>Rom</parameter>\n</function>\n</seed:tool_call>",
            calls: [rom]),
        ChatOutputCase(
            form: "<function_calls>", output: "<function_calls>\nget_weather(city='Rom')\nnoargs()\n</function_calls>", calls: both),
        ChatOutputCase(
            form: "\"name\": function name",
            output: "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Rom\"}}; {\"name\": \"noargs\", \"parameters\": {}}",
            calls: both),
        ChatOutputCase(form: "\"name\": function name", output: "<|python_tag|>get_weather.call(city=\"Rom\")", calls: [rom]),
        ChatOutputCase(
            form: "\"name\": function name", output: "```json\n{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Rom\"}}\n```",
            calls: [rom]),
        ChatOutputCase(
            form: "\"tool_call_name\"",
            output: "[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}}, {\"name\": \"noargs\", \"arguments\": {}}]",
            calls: both),
        ChatOutputCase(
            form: "\"tool_calls\": [",
            output: "{\"thought\": \"\", \"tool_calls\": [{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}}]}", calls: [rom]),
        ChatOutputCase(
            form: "\"tool_calls\": [",
            output: "{\"tool_calls\": [{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}}, {\"name\": \"noargs\"}]}",
            calls: both),
        ChatOutputCase(form: "[func_name1(", output: "[get_weather(city=\"Rom\"), noargs()]", calls: both),
        ChatOutputCase(
            form: "[func_name1(",
            output: "<|python_start|>[get_weather('Rom', n=-3, x=1e3, flag=True, list=['a', \"b\\n\"], obj={'a': None})]<|python_end|>",
            calls: [#"get_weather{"city":"Rom","n":-3,"x":1000.0,"flag":true,"list":["a","b\n"],"obj":{"a":null}}"#]),
        ChatOutputCase(
            form: ">>>all", output: "all\nI look.\n>>>get_weather\n{\"city\": \"Rom\"}>>>noargs\n{}", prompt: "<|end_header_id|>\n\n>>>",
            text: "I look.", calls: both),
        ChatOutputCase(form: ">>>all", output: "get_weather\n{\"city\": \"Rom\"}", prompt: ">>>", calls: [rom]),
        ChatOutputCase(form: ">>>all", output: "all\nHello!", prompt: ">>>", text: "Hello!"),
        ChatOutputCase(form: ">>>all", output: "Hello!", prompt: ">>>", text: "Hello!"),
        ChatOutputCase(
            form: "<|recipient|>",
            output:
                "all\n<|content|>I look.\n<|from|>assistant\n<|recipient|>get_weather\n<|content|>{\"city\": \"Rom\"}\n<|from|>assistant\n<|recipient|>noargs\n<|content|>{}<|stop|>",
            prompt: "<|from|>assistant\n<|recipient|>", text: "I look.", calls: both),
        ChatOutputCase(
            form: "<steptml:invoke",
            output:
                "<｜tool_calls_begin｜>\n<｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name=\"get_weather\"><steptml:parameter name=\"city\">Rom</steptml:parameter></steptml:invoke><｜tool_call_end｜>\n<｜tool_calls_end｜>",
            calls: [rom]),
    ]

    /// The single call of a form, in thoughts that were never closed.
    static let unclosed: [ChatOutputCase] = forms.filter {
        !$0.calls.isEmpty && $0.prompt.isEmpty && $0.reasoning.isEmpty && $0.text.isEmpty
    }.flatMap { item -> [ChatOutputCase] in
        let channels = item.form.contains("<|message|>")
        let marks = channels ? ("<|channel|>analysis<|message|>", "<|end|>") : ("<think>", "</think>")
        func thought(_ output: String, prompt: String = "") -> ChatOutputCase {
            ChatOutputCase(
                form: item.form + (channels ? "" : " <think>"), output: output, prompt: prompt, reasoning: "hm", calls: item.calls)
        }
        return [
            thought(marks.0 + "hm\n" + item.output), thought(marks.0 + "hm\n" + item.output + marks.1),
            thought("hm\n" + item.output + "\n", prompt: marks.0 + "\n"),
        ]
    }

    static let think = "<think> <tool_call>"
    static let call = "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}}</tool_call>"

    static let thoughts: [ChatOutputCase] = [
        // A call that was only thought of.
        ChatOutputCase(
            form: think, output: "<think>maybe \(call) no</think>It is warm.", reasoning: "maybe \(call) no", text: "It is warm."),
        ChatOutputCase(form: think, output: "<think>so: \(call)\n</think>\n\n\(call)", reasoning: "so: \(call)", calls: [rom]),
        ChatOutputCase(form: think, output: "<think>so: \(call) and", reasoning: "so: \(call) and", wasCut: true),
        ChatOutputCase(
            form: think, output: "<think>I use <tool_call> tags: <tool_call>{x}</tool_call></think>A",
            reasoning: "I use <tool_call> tags: <tool_call>{x}</tool_call>", text: "A"),
        ChatOutputCase(
            form: think, output: "<think>a <tool_call>{\"name\": \"unknown\", \"arguments\": {}}</tool_call>",
            reasoning: "a <tool_call>{\"name\": \"unknown\", \"arguments\": {}}</tool_call>"),
        // Markers within a call are its text.
        ChatOutputCase(
            form: think,
            output: "<think>hm</think><tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"</think>\"}}</tool_call>",
            reasoning: "hm", calls: [#"get_weather{"city":"</think>"}"#]),
        ChatOutputCase(
            form: think, output: "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"</think>\"}}</tool_call>",
            calls: [#"get_weather{"city":"</think>"}"#]),
        // No opening marker.
        ChatOutputCase(form: think, output: "Okay.\n</think>\n\n\(call)", reasoning: "Okay.", calls: [rom]),
        ChatOutputCase(form: think, output: "Okay.</think>Ans", reasoning: "Okay.", text: "Ans"),
        ChatOutputCase(form: think, output: "Okay.</think>Ans", prompt: "<think>\n\n</think>\n\n", reasoning: "Okay.", text: "Ans"),
        ChatOutputCase(form: think, output: "I plan\n\(call)\n</think>\n", reasoning: "I plan", calls: [rom]),
        // Answers with a frame.
        ChatOutputCase(
            form: "<think> <answer>", output: "<think>\nhm\n</think>\n<answer>\nHi <b>\n</answer>", reasoning: "hm", text: "Hi <b>"),
        ChatOutputCase(
            form: "<think> <answer> <tool_calls>",
            output:
                "<think>\nhm\n</think>\n<answer>\nI look.\n<tool_calls>[{\"name\": \"noargs\", \"arguments\": {}}]</tool_calls>\n</answer>",
            reasoning: "hm", text: "I look.", calls: ["noargs{}"]),
        ChatOutputCase(form: "<think> <answer>", output: "<think>hm</think>\n<answer>a</answer> b", reasoning: "hm", text: "a</answer> b"),
        ChatOutputCase(
            form: "<think></think> <response></response>", output: "<think>hm</think><response>Hi</response>", reasoning: "hm", text: "Hi"),
        ChatOutputCase(
            form: "<|inner_prefix|> <|tools_prefix|>", output: "<|inner_prefix|>hm<|inner_suffix|>Hi", reasoning: "hm", text: "Hi"),
        ChatOutputCase(
            form: "<|START_THINKING|> <|START_ACTION|>", output: "<|START_THINKING|>hm<|END_THINKING|><|START_TEXT|>Hi<|END_TEXT|>",
            reasoning: "hm", text: "Hi"),
        ChatOutputCase(
            form: "<|channel|> <|message|>",
            output: "<|channel|>analysis<|message|>hm<|start|>assistant<|channel|>final<|message|>Hi<|return|>", reasoning: "hm", text: "Hi"
        ),
        ChatOutputCase(form: "<|channel>thought", output: "hm<channel|>Hi", reasoning: "hm", text: "Hi"),
        ChatOutputCase(form: "[THINK]", output: "hm[/THINK]Hi", reasoning: "hm", text: "Hi"),
        ChatOutputCase(form: "◁think▷", output: "hm◁/think▷Hi", reasoning: "hm", text: "Hi"),
        ChatOutputCase(form: "<seed:think>", output: "hm</seed:think>Hi", reasoning: "hm", text: "Hi"),
    ]

    private static func xml(_ body: String, _ calls: [String], text: String = "", wasCut: Bool = false) -> ChatOutputCase {
        ChatOutputCase(form: "<tool_call> <function=", output: body, text: text, calls: calls, wasCut: wasCut)
    }
    private static func json(_ body: String, _ calls: [String], text: String = "", wasCut: Bool = false) -> ChatOutputCase {
        ChatOutputCase(form: "<tool_call>", output: body, text: text, calls: calls, wasCut: wasCut)
    }

    static let repairs: [ChatOutputCase] = [
        xml("<tool_call>\n<function=get_weather>\n<parameter=city>\nRom\n</function>\n</tool_call>", [rom]),
        xml("<tool_call>\n<function=get_weather>\n<parameter=city>\nRom\n</parameter>\n</tool_call>", [rom]),
        xml("<tool_call>\n<function=get_weather>\n<parameter=city>\nRom\n</tool_call>", [rom]),
        xml("<function=get_weather>\n<parameter=city>\nRom\n</parameter>\n</function>", [rom]),
        xml(
            "<function=get_weather>\n<parameter=city>\nRom\n<parameter=n>\n3\n</parameter>\n</function>\n</tool_call>",
            [#"get_weather{"city":"Rom","n":3}"#]),
        xml("<function=get_weather>\n<parameter=city>\nRom\n</parameter>\n<tool_call>\n<function=noargs>\n</function>\n</tool_call>", both),
        xml("<function=get_weather>\n<parameter=city>\nRom\n</function>\n</tool_call>\n<tool_call>\n<function=noargs>\n</tool_call>", both),
        xml("<tool_call>\n<function=get_weather>\n<parameter=city>\nRom\n</parameter>", [rom]),
        xml("<tool_call>\n<function=get_weather>\n<parameter=city>\nRom", [rom]),
        xml("<tool_call>\n<function=get_weather>\n<parameter=city>\nRom\n</param", [rom]),
        xml("<function=get_weather>\n<parameter=city>\nRom\n</parameter>\n</funct", [rom]),
        // What a tool has no parameter for is text, and so is an end that nothing follows at.
        xml(
            "<function=get_weather>\n<parameter=city>\na <parameter=zip> b\n</parameter>\n</function>",
            [#"get_weather{"city":"a <parameter=zip> b"}"#]),
        xml(
            "<function=get_weather>\n<parameter=city>\na </function> b\n</parameter>\n</function>",
            [#"get_weather{"city":"a </function> b"}"#]),
        ChatOutputCase(
            form: "<arg_key>", output: "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Rom\n</tool_call>", calls: [rom]),
        ChatOutputCase(
            form: "<arg_key>",
            output:
                "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Rom\n<arg_key>n</arg_key>\n<arg_value>3</arg_value>\n</tool_call>",
            calls: [#"get_weather{"city":"Rom","n":3}"#]),
        ChatOutputCase(
            form: "<arg_key>",
            output: "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Rom</arg_value>\n<tool_call>noargs</tool_call>",
            calls: both),
        ChatOutputCase(
            form: "<arg_key>", output: "<tool_call>get_weather\n<arg_key>city\n<arg_value>Rom</arg_value>\n</tool_call>", calls: [rom]),
        ChatOutputCase(
            form: "<arg_key>", output: "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Rom</arg_value>", calls: [rom]),
        ChatOutputCase(
            form: "<invoke name= <parameter name=",
            output: "<minimax:tool_call>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Rom\n</invoke>\n</minimax:tool_call>",
            calls: [rom]),
        ChatOutputCase(
            form: "<invoke name= <parameter name=",
            output: "<minimax:tool_call>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Rom</parameter>\n</minimax:tool_call>",
            calls: [rom]),
        ChatOutputCase(
            form: "<invoke name= <parameter name=",
            output:
                "<minimax:tool_call>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Rom</parameter>\n<invoke name=\"noargs\"></invoke>",
            calls: both),
        ChatOutputCase(
            form: "]<]minimax[>[",
            output:
                "]<]minimax[>[<tool_call>]<]minimax[>[<invoke name=\"get_weather\">]<]minimax[>[<city>Rom]<]minimax[>[<n>3]<]minimax[>[</n>]<]minimax[>[</tool_call>",
            calls: [#"get_weather{"city":"Rom","n":3}"#]),
        ChatOutputCase(
            form: "｜DSML｜",
            output:
                "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"get_weather\">\n<｜DSML｜parameter name=\"city\" string=\"true\">Rom\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
            calls: [rom]),
        ChatOutputCase(
            form: "<function name= <param name=", output: "<function name=\"get_weather\"><param name=\"city\">Rom</function>", calls: [rom]
        ),
        json(
            "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}}\n<tool_call>{\"name\": \"noargs\", \"arguments\": {}}</tool_call>",
            both),
        json("<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}", [rom]),
        json("<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"", [rom]),
        json("<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}</tool_call>", [rom]),
        json("<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}}}\n</tool_call>", [rom]),
        json(
            "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}\n<tool_call>{\"name\": \"noargs\"}</tool_call>", both
        ),
        json("<tool_call>\n```json\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}}\n```\n</tool_call>", [rom]),
        json("<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}}{\"name\": \"noargs\"}</tool_call>", both),
        json("{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}}\n</tool_call>", [rom]),
        ChatOutputCase(
            form: "<｜tool▁call▁begin｜>",
            output:
                "<｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\": \"Rom\"}<｜tool▁call▁begin｜>noargs<｜tool▁sep｜>{}<｜tool▁calls▁end｜>",
            calls: both),
        ChatOutputCase(
            form: "<|tool_call_argument_begin|>",
            output: "<|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{\"city\": \"Rom\"<|tool_call_end|>",
            calls: [rom]),
        ChatOutputCase(
            form: "[TOOL_CALLS]", output: "[TOOL_CALLS][{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}}", calls: [rom]),
        ChatOutputCase(form: "<|tool_list_start|>", output: "<|tool_call_start|>[get_weather(city=\"Rom\")<|tool_call_end|>", calls: [rom]),
        ChatOutputCase(form: "<|tool_list_start|>", output: "<|tool_call_start|>[get_weather(city=\"Rom\"", calls: [rom]),
        ChatOutputCase(
            form: "<|tool_call> <tool_call|>", output: "<|tool_call>call:get_weather{city:<|\"|>Rom<|\"|><tool_call|>", calls: [rom]),
        ChatOutputCase(form: "<|tool_call> <tool_call|>", output: "<|tool_call>call:get_weather{city:<|\"|>Rom<|\"|>}", calls: [rom]),
        ChatOutputCase(form: "<|tools_prefix|>", output: "<|tools_prefix|>[{\"get_weather\": {\"city\": \"Rom\"}}", calls: [rom]),
        ChatOutputCase(
            form: "\"name\": function name", output: "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Rom\"}", calls: [rom]),
        // No arguments, in every spelling.
        json("<tool_call>{\"name\": \"noargs\", \"arguments\": null}</tool_call>", ["noargs{}"]),
        json("<tool_call>{\"name\": \"noargs\", \"arguments\": \"\"}</tool_call>", ["noargs{}"]),
        json("<tool_call>{\"name\": \"noargs\", \"arguments\": []}</tool_call>", ["noargs{}"]),
        json("<tool_call>{\"name\": \"noargs\", \"parameters\": {}}</tool_call>", ["noargs{}"]),
        json("<tool_call>{\"name\": \"noargs\", \"arguments\": \"null\"}</tool_call>", ["noargs{}"]),
        ChatOutputCase(form: "[TOOL_CALLS]", output: "[TOOL_CALLS]noargs[ARGS]", calls: ["noargs{}"]),
        ChatOutputCase(form: "[TOOL_CALLS]", output: "[TOOL_CALLS]noargs[ARGS]null", calls: ["noargs{}"]),
        ChatOutputCase(
            form: "<|tool_call_argument_begin|>",
            output: "<|tool_call_begin|>functions.noargs:0<|tool_call_argument_begin|><|tool_call_end|>", calls: ["noargs{}"]),
        ChatOutputCase(form: "\"name\": function name", output: "{\"name\": \"noargs\", \"parameters\": null}", calls: ["noargs{}"]),
        ChatOutputCase(form: "\"name\": function name", output: "{\"name\": \"noargs\"}", calls: ["noargs{}"]),
        // Integers of any size.
        json(
            "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"n\": 123456789012345678901234567890}}</tool_call>",
            [#"get_weather{"n":123456789012345678901234567890}"#]),
        json(
            "<tool_call>[{\"name\": \"get_weather\", \"arguments\": {\"n\": -9223372036854775809}}]</tool_call>",
            [#"get_weather{"n":-9223372036854775809}"#]),
        xml(
            "<function=get_weather>\n<parameter=n>\n12345678901234567890\n</parameter>\n</function>",
            [#"get_weather{"n":12345678901234567890}"#]),
        ChatOutputCase(
            form: "<|tool_list_start|>", output: "<|tool_call_start|>[get_weather(n=12345678901234567890)]<|tool_call_end|>",
            calls: [#"get_weather{"n":12345678901234567890}"#]),
        ChatOutputCase(
            form: "<|tool_call> <tool_call|>", output: "<|tool_call>call:get_weather{n:12345678901234567890}<tool_call|>",
            calls: [#"get_weather{"n":12345678901234567890}"#]),
    ]

    private static let unfinished: [ChatOutputCase] =
        [
            "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Ro",
            "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"n\": 12",
            "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"n\":", "<tool_call>{\"name\": \"get_w", "<tool_call>",
        ].map { json($0, [], text: $0) }
        + [
            "<function=get_weather>", "<function=get_weather>\n<parameter=ci", "<function=get_weather>\n<parameter=city>\n",
            "<function=get_we",
        ].map { xml($0, [], text: $0) }

    static let refused: [ChatOutputCase] =
        unfinished + [
            // A model that was stopped had not ended its call.
            json(
                "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}", [],
                text: "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rom\"}", wasCut: true),
            xml(
                "<function=get_weather>\n<parameter=city>\nRom\n</parameter>", [],
                text: "<function=get_weather>\n<parameter=city>\nRom\n</parameter>", wasCut: true),
            ChatOutputCase(form: "[func_name1(", output: "[1, 2]", text: "[1, 2]"),
            ChatOutputCase(form: "[func_name1(", output: "[other(a=1)]", text: "[other(a=1)]"),
            ChatOutputCase(form: "[func_name1(", output: "[get_weather(x+1)]", text: "[get_weather(x+1)]"),
            ChatOutputCase(
                form: "<|tool_list_start|>", output: "<|tool_call_start|>[get_weather(city=\"Ro",
                text: "<|tool_call_start|>[get_weather(city=\"Ro"),
            ChatOutputCase(
                form: "<|tool_call> <tool_call|>", output: "<|tool_call>call:get_weather{city:<|\"|>Ro",
                text: "<|tool_call>call:get_weather{city:<|\"|>Ro"),
        ]
}
