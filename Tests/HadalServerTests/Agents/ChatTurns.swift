import HadalCore

/// The form of /v1/chat/completions.
struct ChatTurns: AgentTurns {
    let path = "/v1/chat/completions"

    private func body(_ messages: [String], _ number: Int, _ topic: String) -> String {
        let head = [
            #"{"role": "system", "content": \#(AgentTexts.quoted(AgentTexts.instructions))}"#,
            #"{"role": "developer", "content": "Be brief."}"#,
            #"{"role": "user", "content": [{"type": "text", "text": \#(AgentTexts.quoted(AgentTexts.environment))}, {"type": "text", "text": \#(AgentTexts.quoted(AgentTexts.question(topic)))}]}"#,
        ]
        let schema = number == 1 ? AgentTexts.schema : AgentTexts.otherSchema
        return """
            {"model": "scripted", "stream": true, "stream_options": {"include_usage": true}, "user": "u\(number)", "store": false,
             "tools": [{"type": "function", "function": {"name": "shell", "description": "Runs a command", "parameters": \(schema)}}],
             "messages": [\((head + messages).joined(separator: ", "))]}
            """
    }

    func ask(_ number: Int, about topic: String) -> String { body([], number, topic) }

    func result(_ answer: AgentAnswer, _ number: Int, about topic: String, keepsReasoning: Bool) -> String {
        let reasoning = #""reasoning_content": \#(AgentTexts.quoted(answer.reasoning)), "#
        return body(
            [
                #"{"role": "assistant", \#(keepsReasoning ? reasoning : "")"content": \#(AgentTexts.quoted(answer.text)), "tool_calls": [{"id": "\#(answer.callID)", "type": "function", "function": {"name": "\#(answer.callName)", "arguments": \#(AgentTexts.quoted(answer.arguments))}}]}"#,
                #"{"role": "tool", "tool_call_id": "\#(answer.callID)", "content": [{"type": "text", "text": \#(AgentTexts.quoted(AgentTexts.output))}]}"#,
            ], number, topic)
    }

    func read(_ response: TestResponse) throws -> AgentAnswer {
        var answer = AgentAnswer()
        for chunk in try response.eventValues() {
            let delta = chunk["choices"]?.array?.first?["delta"]
            answer.reasoning += delta?["reasoning_content"]?.string ?? ""
            answer.text += delta?["content"]?.string ?? ""
            if let call = delta?["tool_calls"]?.array?.first {
                (answer.callID, answer.callName) = (call["id"]?.string ?? "", call["function"]?["name"]?.string ?? "")
                answer.arguments += call["function"]?["arguments"]?.string ?? ""
            }
            guard let usage = chunk["usage"], let all = usage["prompt_tokens"]?.int else { continue }
            answer.prompt = (all, usage["prompt_tokens_details"]?["cached_tokens"]?.int ?? 0)
        }
        return answer
    }
}
