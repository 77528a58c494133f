import Foundation
import HadalCore
import HadalEngine
import HadalText
import Synchronization
import TestSupport
import Testing

/// The forms in which text is asked for, and what goes in and out of them.
extension ReplyTests {
    @Test("each token becomes text once", arguments: ["generate", "complete", "reply", "conversation"])
    func decodesOnce(form: String) throws {
        let engine = try engine(.thinker(thinksForever: true))
        let tokenizer = try #require(engine.tokenizer)
        let prompt = try engine.chatPrompt(request(budget: 3))
        let session = engine.makeSession()
        try session.append(prompt.ids)
        var tokens = 0
        func count(_ event: GenerationEvent) -> Reaction {
            if case .token = event { tokens += 1 }
            return .continue
        }
        let options = options { $0.maxTokens = 200 }
        let conversation = Conversation(engine: engine)
        conversation.request.reasoningBudget = 3
        let before = tokenizer.decodedTokens.load(ordering: .relaxed)
        switch form {
        case "generate": try session.generate(options, onEvent: count)
        case "complete": _ = try session.complete(prompt.text, options: options, onEvent: count)
        case "reply": _ = try session.reply(to: prompt, options: options, onEvent: count)
        default: try conversation.ask("Where?", options: options, onEvent: count)
        }
        #expect(tokens > 3)
        #expect(tokenizer.decodedTokens.load(ordering: .relaxed) - before == tokens)
    }

    @Test("a text is continued as it is", arguments: backends)
    func complete(backend: String) throws {
        let engine = try engine(.thinker(), backend)
        let session = engine.makeSession()
        var events: [String] = []
        func note(_ event: GenerationEvent) -> Reaction {
            switch event {
            case .text(let text): events.append(text)
            case .token: events.append("·")
            case .finished(let summary): events.append(summary.reason.rawValue)
            case .reasoning, .textWasReasoning, .toolCall, .restored, .logProbabilities: Issue.record("\(event)")
            }
            return .continue
        }
        let whole = try session.complete("Say\n", options: options(), onEvent: note)
        #expect(events == ["·", "hmm", "·", ", yes", "·", "</think>", "·", "\n\n", "·", "Paris", "·", ".", "stop"])
        #expect(whole.answer == "hmm, yes</think>\n\nParis." && whole.reasoning.isEmpty && whole.tokens.count == 6)
        #expect(session.tokens == (try engine.encodePrompt("Say\n")) + whole.tokens)
        // What the session holds of the next text is not computed again, and a stop string's own token stays out.
        events = []
        let cut = try session.complete("Say\n</think>", options: options { $0.stopStrings = ["Par"] }, onEvent: note)
        #expect(events == ["·", "\n\n", "·", "stop_string"])
        #expect(cut.reusedTokens == whole.promptTokens && cut.promptTokens == 1 && cut.summary.reason == .stopString)
        #expect(session.tokens.count == whole.promptTokens + cut.tokens.count)
        expectError(.invalidArgument) { try session.complete("x", options: options { $0.maxTokens = -1 }) }
    }

    @Test("tokens alone are those that come with text")
    func tokensAlone() throws {
        let engine = try engine(.thinker())
        let prompt = try engine.encodePrompt("\n")
        var tokens: [Int32] = []
        let session = engine.makeSession()
        try session.append(prompt)
        let summary = try session.generateTokens(options()) { token in
            tokens.append(token)
            return tokens.count < 4 ? .continue : .stop
        }
        #expect(summary.reason == .cancelled && summary.generatedTokens == 4)
        #expect(tokens == Array(try engine.makeSession().complete("\n", options: options()).tokens.prefix(4)))
        #expect(session.tokens == prompt + tokens)
        try session.generateTokens(options()) { _ in .continue }
        #expect(session.tokens.count == prompt.count + 6)
    }

    @Test("a role that nobody knows reaches the template, and tools come from any value that JSON can hold")
    func rolesAndTools() throws {
        struct Schema: Encodable {
            struct City: Encodable { var type = "string" }
            var type = "object"
            var properties = ["city": City()]
        }
        var model = ScriptedModel.thinker()
        model.template =
            "{% for m in messages %}{{ m.role }}:{{ m.content }}{% if m.tool_call_id %}#{{ m.tool_call_id }}{% endif %};{% endfor %}"
            + "{% for t in tools or [] %}{{ t.function.name }} {{ t.function.parameters | tojson }};{% endfor %}{{ mood }}<｜Assistant｜>"
        let engine = try engine(model)
        let tools = [
            try Tool(name: "a", description: "A", parameters: Schema()),
            try Tool(name: "b", description: "B", schema: #"{"type": "object", "properties": {}}"#),
        ]
        var request = ChatRequest(
            messages: [.system("S"), ChatMessage(role: "critic", content: "C"), .tool("T", for: "id1")], tools: tools)
        try request.setVariable("mood", to: "calm")
        #expect(
            try engine.chatPrompt(request).text == #"""
                system:S;critic:C;tool:T#id1;a {"properties": {"city": {"type": "string"}}, "type": "object"};b {"type": "object", "properties": {}};calm<｜Assistant｜>
                """#)
        let call = ToolCall(id: "x", name: "a", argumentsJSON: #"{"city": "Oslo"}"#)
        #expect(try call.decodeArguments(as: [String: String].self) == ["city": "Oslo"])
        #expect { try call.decodeArguments(as: [Int].self) } throws: { ($0 as? HadalError)?.code == .malformed }
        #expect { try Tool(name: "c", description: "", parameters: [1]) } throws: { ($0 as? HadalError)?.code == .invalidArgument }
        #expect { try Tool(name: "c", description: "", schema: "{") } throws: { ($0 as? HadalError)?.code == .malformed }
    }

    @Test("the stream tells what the blocking form tells")
    func stream() async throws {
        let engine = try engine(.thinker())
        var (reasoning, text) = ("", "")
        for try await event in engine.makeSession().replies(to: try engine.chatPrompt(request()), options: options()) {
            if case .reasoning(let piece) = event { reasoning += piece }
            if case .text(let piece) = event { text += piece }
        }
        #expect(reasoning == "hmm, yes" && text == "Paris.")
    }

    @Test func messagesAreReadAndWritten() throws {
        let text =
            #"{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, {"role": "assistant", "content": null, "reasoning_content": "r", "tool_calls": [{"id": "x", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]}, {"role": "tool", "content": "c", "tool_call_id": "x", "name": "f"}]}"#
        let list = try ChatMessage.list(JSONDocument(parsing: text, file: "chat.json"))
        #expect(
            list[0].content == "ab" && list[1].reasoning == "r"
                && list[1].toolCalls == [ToolCall(id: "x", name: "f", argumentsJSON: #"{"a": 1}"#)])
        #expect(list[2].toolCallID == "x" && list[2].json["tool_call_id"]?.string == "x")
        #expect(list[1].json["tool_calls"]?.array?.first?["function"]?["arguments"]?.string == #"{"a": 1}"#)
        for bad in [
            #"[{"content": "a"}]"#, #"[{"role": "user", "content": 5}]"#, #"{"a": 1}"#,
            #"[{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}]"#,
            #"[{"role": "user", "content": [{"type": "image"}]}]"#,
        ] {
            #expect { try ChatMessage.list(JSONDocument(parsing: bad, file: "chat.json")) } throws: { "\($0)".contains("chat.json:1:") }
        }
    }

    /// A model that closes reasoning it never opened: its text is `Okay, plan</think>\n\nAns`.

    @Test func messagesInPartsAndWithoutArguments() throws {
        var model = ScriptedModel.thinker()
        model.template =
            "{% for m in messages %}{{ m.role }}:{% for p in m.content %}{{ p.text }}{% endfor %}{% for c in m.tool_calls or [] %}{{ c.function.arguments | tojson }}{% endfor %};{% endfor %}"
        let engine = try engine(model)
        let document = try JSONDocument(
            parsing: #"""
                [{"role": "system", "content": "S"}, {"role": "user", "content": [{"type": "text", "text": "Q"}]},
                 {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": ""}}, {"function": {"name": "f", "arguments": null}},
                  {"function": {"name": "f"}}, {"function": {"name": "f", "arguments": "{\"n\": 12345678901234567890}"}}]},
                 {"role": "tool", "content": "T"}]
                """#, file: "messages.json")
        #expect(
            try engine.renderChat(try ChatMessage.list(document)) == #"system:S;user:Q;assistant:{}{}{}{"n": 12345678901234567890};tool:T;"#
        )
        for bad in [
            #"[{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]"#,
            #"[{"role": "user", "content": [{"type": "audio"}]}]"#,
        ] {
            #expect { try ChatMessage.list(JSONDocument(parsing: bad, file: "messages.json")) } throws: { error in
                (error as? HadalError)?.code == .unsupported && "\(error)".contains(bad.contains("audio") ? "\"audio\"" : "\"image_url\"")
            }
        }
        #expect {
            try ChatMessage.list(
                JSONDocument(parsing: #"[{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": [1]}}]}]"#, file: "m")
            )
        } throws: {
            ($0 as? HadalError)?.code == .malformed
        }
    }
}
