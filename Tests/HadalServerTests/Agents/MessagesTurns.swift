import HadalCore

/// The form of /v1/messages: cache markers that move, a billing header, a message of the system in the middle.
struct MessagesTurns: AgentTurns {
    let path = "/v1/messages?beta=true"

    private func body(_ messages: [String], _ number: Int, _ topic: String) -> String {
        let mark = #", "cache_control": {"type": "ephemeral"}"#
        // A message of the role system is a list of blocks at first and a string later.
        let middle = AgentTexts.quoted(AgentTexts.environment)
        let system = number == 1 ? #"[{"type": "text", "text": \#(middle)\#(mark)}]"# : middle
        let head = [
            #"{"role": "user", "content": [{"type": "text", "text": \#(AgentTexts.quoted(AgentTexts.question(topic)))\#(number == 1 ? mark : "")}]}"#,
            #"{"role": "system", "content": \#(system)}"#,
        ]
        let schema = number == 1 ? AgentTexts.schema : AgentTexts.otherSchema
        return """
            {"model": "scripted", "max_tokens": 32000, "stream": true, "metadata": {"user_id": "session-\(number)"},
             "system": [{"type": "text", "text": "x-anthropic-billing-header: version=1.\(number); id=\(number * 77)"},
              {"type": "text", "text": "You are an agent."\(number == 1 ? "" : mark)},
              {"type": "text", "text": \(AgentTexts.quoted(AgentTexts.instructions))\(number == 1 ? mark : "")}],
             "thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "high"},
             "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
             "tools": [{"name": "shell", "description": "Runs a command", "input_schema": \(schema)},
              {"name": "later", "description": "Loaded later", "defer_loading": true, "input_schema": {"type": "object", "properties": {}}}],
             "messages": [\((head + messages).joined(separator: ", "))]}
            """
    }

    func ask(_ number: Int, about topic: String) -> String { body([], number, topic) }

    func result(_ answer: AgentAnswer, _ number: Int, about topic: String, keepsReasoning: Bool) -> String {
        let reasoning = #"{"type": "thinking", "thinking": \#(AgentTexts.quoted(answer.reasoning)), "signature": "s"}, "#
        return body(
            [
                #"{"role": "assistant", "content": [\#(keepsReasoning ? reasoning : ""){"type": "text", "text": \#(AgentTexts.quoted(answer.text))}, {"type": "tool_use", "id": "\#(answer.callID)", "name": "\#(answer.callName)", "input": \#(answer.arguments)}]}"#,
                #"{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "\#(answer.callID)", "content": [{"type": "text", "text": \#(AgentTexts.quoted(AgentTexts.output))}], "is_error": false, "cache_control": {"type": "ephemeral"}}]}"#,
            ], number, topic)
    }

    func read(_ response: TestResponse) throws -> AgentAnswer {
        var answer = AgentAnswer()
        for event in try response.eventValues() {
            if let block = event["content_block"], block["type"]?.string == "tool_use" {
                (answer.callID, answer.callName) = (block["id"]?.string ?? "", block["name"]?.string ?? "")
            }
            if let delta = event["delta"] {
                answer.reasoning += delta["thinking"]?.string ?? ""
                answer.text += delta["text"]?.string ?? ""
                answer.arguments += delta["partial_json"]?.string ?? ""
            }
            if event["type"]?.string == "message_delta", let usage = event["usage"] {
                let cached = usage["cache_read_input_tokens"]?.int ?? 0
                answer.prompt = ((usage["input_tokens"]?.int ?? 0) + cached, cached)
            }
        }
        return answer
    }
}
