import HadalCore
import TestSupport
import Testing

/// Tool turns of coding agents with the scripted model: what the second request has in common with the first comes from the cache.
@Suite("Agents", .serialized)
struct AgentTests {
    /// A server's life between the two requests of a turn.
    enum Between: CaseIterable { case nothing, restart, kill }

    static let interfaces: [any AgentTurns] = [ResponsesTurns(), MessagesTurns(), ChatTurns(), OllamaTurns()]

    /// A conversation after its first answer.
    private struct Begun {
        let interface: any AgentTurns
        let topic: String
        let keepsReasoning: Bool
        let answer: AgentAnswer
    }

    @Test("a tool turn comes from the cache, whatever its client changes and whether the server was restarted", arguments: Between.allCases)
    func turn(between: Between) async throws {
        try await RuleServer.with(rules: AgentTexts.rules) { server in
            var begun: [Begun] = []
            for interface in Self.interfaces {
                for keepsReasoning in [true, false] {
                    let topic = "\(interface.path.filter(\.isLetter))\(keepsReasoning)"
                    begun.append(
                        Begun(
                            interface: interface, topic: topic, keepsReasoning: keepsReasoning,
                            answer: try Self.begin(interface, topic, server)))
                }
            }
            if between != .nothing {
                server.waitForCache()
                try server.restart(killing: between == .kill)
            }
            for conversation in begun { try Self.goOn(conversation, server, between) }
        }
    }

    private static func send(_ body: String, to interface: any AgentTurns, _ server: RuleServer) throws -> AgentAnswer {
        let response = try server.client.post(interface.path, body, headers: ["Content-Type": "application/json"])
        #expect(response.status == 200, "\(interface.path)")
        return try interface.read(response)
    }

    private static func begin(_ interface: any AgentTurns, _ topic: String, _ server: RuleServer) throws -> AgentAnswer {
        let answer = try send(interface.ask(1, about: topic), to: interface, server)
        #expect(answer.reasoning == "I want to see the file, so I have to read it first.", "\(topic)")
        #expect(answer.text == "I will read the file." && answer.callName == "shell", "\(topic)")
        #expect(answer.arguments == #"{"command": "cat notes.txt", "timeout": 5}"#, "\(topic)")
        return answer
    }

    private static func goOn(_ begun: Begun, _ server: RuleServer, _ between: Between) throws {
        let before = try server.promptTokens()
        let body = begun.interface.result(begun.answer, 2, about: begun.topic, keepsReasoning: begun.keepsReasoning)
        let answer = try send(body, to: begun.interface, server)
        #expect(answer.text == "The file says that the harbour opens at nine.", "\(begun.topic)")
        let after = try server.promptTokens()
        let counted = (all: after.all - before.all, cached: after.cached - before.cached)
        #expect(counted.all > 9000 && counted.cached * 100 >= counted.all * 99, "\(begun.topic), \(between): \(counted)")
        if let told = answer.prompt { #expect(told == counted, "\(begun.topic): \(told), not \(counted)") }
    }

    @Test("an answer that a client sends back is the tokens that it was")
    func tokens() async throws {
        // The kernel takes the longest token that fits, and the tokenizer takes others for the same text.
        let rules =
            #"{"rules": [{"contains": "words", "say": "\#(String(repeating: "wants untold answers; ", count: 20))"}, {"say": "Good."}]}"#
        try await RuleServer.with(rules: rules) { server in
            let ask = #"{"role": "user", "content": "words"}"#
            func chat(_ messages: [String]) throws -> JSON {
                try server.client.post("/v1/chat/completions", #"{"messages": [\#(messages.joined(separator: ", "))]}"#).json()
            }
            let first = try chat([ask])
            let text = try #require(first["choices"]?.array?.first?["message"]?["content"]?.string)
            let written = try #require(first["usage"]?["total_tokens"]?.int)
            let answer = #"{"role": "assistant", "content": \#(AgentTexts.quoted(text))}"#
            let messages = [ask, answer, #"{"role": "user", "content": "And what is good about that?"}"#]
            let plain = try server.client.post("/apply-template", #"{"messages": [\#(messages.joined(separator: ", "))]}"#).json()
            let tokens = try #require(plain["tokens"]?.array?.count)
            let second = try chat(messages)
            let prompt = try #require(second["usage"]?["prompt_tokens"]?.int)
            let cached = second["usage"]?["prompt_tokens_details"]?["cached_tokens"]?.int
            #expect(tokens != prompt, "the tokenizer would have written it in the same way: this test shows nothing")
            #expect(cached == written / 64 * 64)
        }
    }

    @Test("the scripted model is small, follows its rules, and says where none fits")
    func rules() async throws {
        let rules = #"""
            {"rules": [
              {"role": "system", "contains": "pirate", "say": "Arr."},
              {"contains": "both", "thinking": "Two.", "calls": [{"name": "a", "arguments": {}}, {"name": "b", "arguments": {"x": [1, {"y": "ü \"q\""}]}}]},
              {"role": "user", "contains": "ünïcode 🐙", "say": "🐙, naïve.\n\nYes."}
            ]}
            """#
        try await RuleServer.with(rules: rules) { server in
            #expect(try server.modelBytes() < 1_000_000)
            func message(_ messages: String, _ more: String = "") throws -> JSON? {
                try server.client.post("/v1/chat/completions", "{\"messages\": [\(messages)]\(more)}").json()["choices"]?.array?.first?[
                    "message"]
            }
            let tools = [#"{"type": "function", "function": {"name": "a"}}"#, #"{"type": "function", "function": {"name": "b"}}"#]
            let offer = ", \"tools\": [\(tools.joined(separator: ", "))]"
            #expect(try message(#"{"role": "user", "content": "so ünïcode 🐙!"}"#)?["content"]?.string == "🐙, naïve.\n\nYes.")
            #expect(
                try message(#"{"role": "system", "content": "You are a pirate."}, {"role": "user", "content": "both"}"#)?["content"]?.string
                    == "Arr.")
            #expect(try message(#"{"role": "user", "content": "pirate"}"#)?["content"]?.string == "No rule of the script fits.")
            let calls = try message(#"{"role": "user", "content": "both"}"#, offer)
            #expect(calls?["reasoning_content"]?.string == "Two.")
            let arguments = calls?["tool_calls"]?.array?.compactMap { $0["function"]?["arguments"]?.string }
            #expect(arguments == ["{}", #"{"x": [1, {"y": "ü \"q\""}]}"#])
            // Without reasoning it says the rest.
            let brief = try message(#"{"role": "user", "content": "both"}"#, offer + #", "reasoning_effort": "none""#)
            #expect(brief?["reasoning_content"]?.string == .none && brief?["tool_calls"]?.array?.count == 2)
        }
    }
}
