import Foundation
import HadalConstraints
import HadalCore
import HadalText
import TestSupport
import Testing

@testable import HadalEngine

/// Replies whose calls are enforced, and answers behind reasoning.
@Suite("Tool choice")
struct ToolChoiceTests {
    private static let rome =
        #"{"type": "object", "properties": {"city": {"enum": ["Rome"]}}, "required": ["city"], "additionalProperties": false}"#

    private func engine(_ model: ScriptedModel) throws -> Engine {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try model.write(to: "\(folder)/model.gguf")
        return try Engine(path: "\(folder)/model.gguf", options: Golden.options("cpu"))
    }

    private func request(_ choice: ToolChoice, strict: Bool = false) throws -> ChatRequest {
        let weather = Tool([
            "type": "function",
            "function": [
                "name": "get_weather", "strict": JSON(.bool(strict)), "parameters": try JSONDocument(parsing: Self.rome, file: "rome").root,
            ],
        ])
        var request = ChatRequest(messages: [.user("Weather?")], tools: [weather, try Tool(name: "other", description: "", schema: "{}")])
        request.toolChoice = choice
        return request
    }

    private func reply(_ engine: Engine, _ request: ChatRequest) throws -> ChatReply {
        try engine.makeSession().reply(
            to: try engine.chatPrompt(request), options: GenerationOptions(sampling: .greedy, maxTokens: 1500))
    }

    @Test("a call that has to be made is made, with arguments of the schema, behind free reasoning")
    func enforced() throws {
        var model = ScriptedModel.caller()
        model.script["<｜tool▁call▁end｜>"] = ["<｜tool▁calls▁end｜>", ScriptedModel.end]
        let engine = try engine(model)
        let free = try reply(engine, try request(.auto))
        #expect(free.toolCalls.map(\.argumentsJSON) == [#"{"city": "Oslo"}"#] && free.answer == "Let me look.")
        let named = try reply(engine, try request(.named("get_weather")))
        #expect(named.toolCalls.map(\.name) == ["get_weather"] && named.answer.isEmpty && named.reasoning == free.reasoning)
        #expect(named.toolCalls.first?.arguments == ["city": "Rome"] && named.summary.reason == .toolCalls)
        let required = try reply(engine, try request(.required))
        #expect(!required.toolCalls.isEmpty && required.answer.isEmpty && required.reasoning == free.reasoning, "\(required)")
        // The markers are the tokens that the model has for them.
        let begin = try #require(engine.tokenizer?.id(of: "<｜tool▁call▁begin｜>"))
        #expect(named.tokens.contains(begin))
    }

    @Test("a strict tool holds the arguments of a call that the model makes by itself")
    func strict() throws {
        let reply = try reply(try engine(.caller()), try request(.auto, strict: true))
        #expect(reply.answer == "Let me look." && reply.toolCalls.map(\.name) == ["get_weather"])
        #expect(reply.toolCalls.first?.arguments == ["city": "Rome"])
    }

    @Test("none offers no tools, and what cannot be enforced is refused")
    func refused() throws {
        let engine = try engine(.caller())
        let none = try engine.chatPrompt(try request(.none))
        #expect(none.tools.isEmpty && none.calls == nil)
        expectError(.notFound, "other one") { try engine.chatPrompt(try request(.named("other one"))) }
        var odd = try request(.required)
        odd.tools = [try Tool(name: "f", description: "", schema: #"{"properties": {"a": {"format": "password"}}}"#)]
        expectError(.unsupported, "tool 'f': /properties/a/format") { try engine.chatPrompt(odd) }
        let constrained = GenerationOptions(constraint: try .regex("a"))
        expectError(.invalidArgument) {
            try engine.makeSession().reply(to: try engine.chatPrompt(try request(.required)), options: constrained)
        }
    }

    @Test("an answer is held to its constraint behind reasoning that the model opens itself")
    func reasoningOfItsOwn() throws {
        var model = ScriptedModel.thinker()
        model.template = model.template?.replacingOccurrences(of: "<｜Assistant｜><think>\\n' }}", with: "<｜Assistant｜>' }}")
        model.script["<｜Assistant｜>"] = ["<think>"]
        model.script["<think>"] = ["hmm"]
        let engine = try engine(model)
        let prompt = try engine.chatPrompt(ChatRequest(messages: [.user("Where?")]))
        #expect(!prompt.startsInReasoning && prompt.text.hasSuffix("<｜Assistant｜>"))
        let options = GenerationOptions(sampling: .greedy, constraint: try .regex("[a-z]{2}"))
        let thought = try engine.makeSession().reply(to: prompt, options: options)
        #expect(thought.reasoning == "hmm, yes" && thought.answer.wholeMatch(of: /[a-z]{2}/) != nil, "\(thought)")
        // Not where reasoning is turned off.
        let off = try engine.chatPrompt(ChatRequest(messages: [.user("Where?")], thinking: .off))
        let plain = try engine.makeSession().reply(to: off, options: options)
        #expect(plain.reasoning.isEmpty && plain.answer.wholeMatch(of: /[a-z]{2}/) != nil, "\(plain)")
    }
}
