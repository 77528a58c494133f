import HadalCore

/// The form of /api/chat, which has objects for arguments and names for ids.
struct OllamaTurns: AgentTurns {
    let path = "/api/chat"

    private func body(_ messages: [String], _ topic: String) -> String {
        let head = [
            #"{"role": "system", "content": \#(AgentTexts.quoted(AgentTexts.instructions))}"#,
            #"{"role": "user", "content": \#(AgentTexts.quoted(AgentTexts.question(topic)))}"#,
        ]
        return """
            {"model": "scripted:latest", "keep_alive": "5m", "options": {"num_ctx": 32768},
             "tools": [{"type": "function", "function": {"name": "shell", "description": "Runs a command", "parameters": \(AgentTexts.schema)}}],
             "messages": [\((head + messages).joined(separator: ", "))]}
            """
    }

    func ask(_ number: Int, about topic: String) -> String { body([], topic) }

    func result(_ answer: AgentAnswer, _ number: Int, about topic: String, keepsReasoning: Bool) -> String {
        let reasoning = #""thinking": \#(AgentTexts.quoted(answer.reasoning)), "#
        return body(
            [
                #"{"role": "assistant", \#(keepsReasoning ? reasoning : "")"content": \#(AgentTexts.quoted(answer.text)), "tool_calls": [{"id": "\#(answer.callID)", "function": {"name": "\#(answer.callName)", "arguments": \#(answer.arguments)}}]}"#,
                #"{"role": "tool", "tool_name": "\#(answer.callName)", "content": \#(AgentTexts.quoted(AgentTexts.output))}"#,
            ], topic)
    }

    func read(_ response: TestResponse) throws -> AgentAnswer {
        var answer = AgentAnswer()
        for line in response.body.split(separator: "\n") {
            let message = try JSONDocument(parsing: String(line), file: "line").root["message"]
            answer.reasoning += message?["thinking"]?.string ?? ""
            answer.text += message?["content"]?.string ?? ""
            guard let call = message?["tool_calls"]?.array?.first else { continue }
            (answer.callID, answer.callName) = (call["id"]?.string ?? "", call["function"]?["name"]?.string ?? "")
            answer.arguments = call["function"]?["arguments"]?.text() ?? ""
        }
        return answer
    }
}
