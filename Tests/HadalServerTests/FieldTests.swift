import Hadal
import HadalConstraints
import HadalCore
import HTTPTypes
import Testing

@testable import HadalServer

/// What the interfaces do with fields of requests.
@Suite("Fields of requests")
struct FieldTests {
    private func document(_ text: String) throws -> JSONDocument { try JSONDocument(parsing: text, file: "request") }

    private func field(of body: () throws -> Void) -> String? {
        do { try body() } catch let error as APIError { return error.field } catch { return "\(error)" }
        return nil
    }

    /// Every table of an interface, with what reads a request of it.
    private static let interfaces: [(table: FieldTable, base: String, read: @Sendable (JSONDocument) throws -> InferenceRequest)] = [
        (ChatCompletions.table, #""messages": [{"role": "user", "content": "a"}]"#, { try ChatCompletions.request($0).0 }),
        (Completions.table, #""prompt": "a""#, { try Completions.request($0).0 }),
        (Responses.table, #""input": "a""#, { try Responses.request($0).0 }),
        (Messages.table, #""messages": [{"role": "user", "content": "a"}], "max_tokens": 4"#, { try Messages.request($0) }),
        (Ollama.table, #""messages": [{"role": "user", "content": "a"}]"#, { try Ollama.chat($0).0 }),
    ]

    @Test("each refused field is an error that names it, unless it asks for nothing", arguments: interfaces.indices)
    func refused(index: Int) throws {
        let interface = Self.interfaces[index]
        for refused in interface.table.refused {
            let wanted = try document("{\(interface.base), \"\(refused.name)\": {\"a\": 1}}")
            #expect(field { _ = try interface.read(wanted) } == refused.name)
            for off in ["null", "false", "[]", "\"\""] {
                let request = try interface.read(try document("{\(interface.base), \"\(refused.name)\": \(off)}"))
                #expect(request.ignoredFields.isEmpty)
            }
        }
    }

    @Test("harmless and unlisted fields are named and change nothing", arguments: interfaces.indices)
    func harmless(index: Int) throws {
        let interface = Self.interfaces[index]
        for name in interface.table.harmless + ["some_new_field"] {
            #expect(try interface.read(try document("{\(interface.base), \"\(name)\": {\"a\": [1]}}")).ignoredFields == [name])
        }
    }

    @Test("no field is in a table twice", arguments: interfaces.indices)
    func once(index: Int) {
        let table = Self.interfaces[index].table
        let names = table.honoured + table.harmless + table.refused.map(\.name)
        #expect(Set(names).count == names.count, "\(names.sorted())")
    }

    @Test(
        "values out of range are refused by name",
        arguments: [
            (#""temperature": -1"#, "temperature"), (#""temperature": "hot""#, "temperature"), (#""top_p": 1.5"#, "top_p"),
            (#""n": 0"#, "n"), (#""n": 1.5"#, "n"), (#""max_tokens": 0"#, "max_tokens"), (#""max_tokens": -5"#, "max_tokens"),
            (#""stop": [1]"#, "stop[0]"),
            (#""top_logprobs": 3"#, "top_logprobs"), (#""logit_bias": {"x": 1}"#, "logit_bias"),
            (#""logit_bias": {"1": 1e9}"#, "logit_bias"),
            (#""seed": "a""#, "seed"), (#""stream": 1"#, "stream"), (#""response_format": {"type": "xml"}"#, "response_format.type"),
            (#""tools": [{"type": "function"}]"#, "tools[0].name"), (#""tool_choice": "sometimes""#, "tool_choice"),
            (#""reasoning_effort": "huge""#, "reasoning_effort"),
            (#""tools": [{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "f"}}]"#, "tools[1]"),
        ])
    func ranges(text: String, name: String) throws {
        let request = try document(#"{"messages": [{"role": "user", "content": "a"}], \#(text)}"#)
        #expect(field { _ = try ChatCompletions.request(request) } == name)
    }

    @Test("null is the same as absent")
    func null() throws {
        let names = ChatCompletions.table.honoured.filter { $0 != "messages" }
        let request = try document(
            #"{"messages": [{"role": "user", "content": "a"}], "# + names.map { "\"\($0)\": null" }.joined(separator: ", ") + "}")
        #expect(try ChatCompletions.request(request).0.ignoredFields.isEmpty)
        let tool = try document(#"{"input": "a", "tools": [{"type": "function", "name": "f", "parameters": null, "strict": null}]}"#)
        #expect(try Responses.request(tool).0.chat?.offer.tools.count == 1)
    }

    @Test("images and unknown parts are refused clearly")
    func parts() throws {
        for part in [#"{"type": "image_url", "image_url": {"url": "x"}}"#, #"{"type": "input_audio"}"#, #"{"type": "video"}"#, "1"] {
            let request = try document(#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, \#(part)]}]}"#)
            #expect(field { _ = try ChatCompletions.request(request) } == "messages[0].content[1]")
        }
    }

    @Test("tools of other kinds are flattened or declared unsupported")
    func tools() throws {
        let request = try Responses.request(
            try document(
                """
                {"input": "a", "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}, {"type": "web_search"},
                 {"type": "namespace", "name": "ns", "tools": [{"type": "function", "name": "g"}]}, {"type": "custom", "name": "free"}],
                 "tool_choice": {"type": "function", "name": "g"}}
                """)
        ).0
        let chat = try #require(request.chat)
        #expect(chat.offer.tools.map(\.name) == ["f", "ns__g", "free"])
        #expect(chat.offer.unsupported == ["tools[1] (web_search)"] && chat.toolChoice == .named("ns__g"))
        #expect(chat.offer.kinds["ns__g"] == .member(namespace: "ns", name: "g") && chat.offer.kinds["free"] == .custom)
    }

    @Test("what a client puts before its system prompt to be billed by is no part of it")
    func billing() throws {
        let request = try Messages.request(
            try document(
                """
                {"max_tokens": 4, "system": [{"type": "text", "text": "x-anthropic-billing-header: cc_version=1.e8f;"},
                 {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}], "messages": [{"role": "user", "content": "a"}]}
                """))
        #expect(request.chat?.messages.map(\.text) == ["Be brief.", "a"])
    }

    @Test("results of tools may be strings, parts or objects")
    func results() throws {
        for output in [#""sunny""#, #"[{"type": "input_text", "text": "sunny"}]"#, #"{"content": "sunny", "success": true}"#] {
            let request = try Responses.request(
                try document(
                    #"{"input": [{"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}, {"type": "function_call_output", "call_id": "1", "output": \#(output)}]}"#
                )
            ).0
            #expect(request.chat?.messages.last?.text == "sunny")
        }
    }

    @Test("the header of ignored fields is short and of ASCII without line ends")
    func header() throws {
        let names = (0..<400).map { "field_\($0)_é\r\nX: y, z" }
        let text = try #require(HTTPFields.ignored(names)[.ignoredFields])
        #expect(text.utf8.count <= 1024 && text.utf8.allSatisfy { (0x20...0x7E).contains($0) } && text.hasSuffix(", ..."))
        #expect(HTTPFields.ignored([]).isEmpty)
    }
}
