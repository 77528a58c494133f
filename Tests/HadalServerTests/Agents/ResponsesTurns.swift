import HadalCore

/// The form of /v1/responses: items with new ids each time, tools in a namespace and without a name.
struct ResponsesTurns: AgentTurns {
    let path = "/v1/responses"

    private func body(_ items: [String], _ number: Int, _ topic: String) -> String {
        let head = [
            #"{"type": "message", "id": "msg_a\#(number)", "role": "developer", "content": [{"type": "input_text", "text": \#(AgentTexts.quoted(AgentTexts.instructions))}]}"#,
            #"{"type": "message", "id": "msg_b\#(number)", "role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]}"#,
            #"{"type": "message", "id": "msg_c\#(number)", "role": "user", "content": [{"type": "input_text", "text": \#(AgentTexts.quoted(AgentTexts.environment))}]}"#,
            #"{"type": "message", "id": "msg_d\#(number)", "role": "user", "content": [{"type": "input_text", "text": \#(AgentTexts.quoted(AgentTexts.question(topic)))}]}"#,
        ]
        let tool =
            #"{"type": "function", "name": "shell", "description": "Runs a command", "strict": false, "parameters": \#(AgentTexts.schema)}"#
        let member =
            #"{"type": "function", "name": "spawn", "description": "Starts an agent", "strict": false, "parameters": {"type": "object", "properties": {}}}"#
        return """
            {"model": "scripted", "input": [\((head + items).joined(separator: ", "))], "tools": [\(tool),
             {"type": "namespace", "name": "agents", "description": "Other agents", "tools": [\(member)]}, {"type": "web_search"}],
             "tool_choice": "auto", "parallel_tool_calls": true, "reasoning": {"summary": "auto"}, "store": false, "stream": true,
             "include": ["reasoning.encrypted_content"], "prompt_cache_key": "key-\(number)", "client_metadata": {"turn": "\(number)"}}
            """
    }

    func ask(_ number: Int, about topic: String) -> String { body([], number, topic) }

    func result(_ answer: AgentAnswer, _ number: Int, about topic: String, keepsReasoning: Bool) -> String {
        let reasoning =
            #"{"type": "reasoning", "id": "rs_\#(number)", "summary": [], "content": [{"type": "reasoning_text", "text": \#(AgentTexts.quoted(answer.reasoning))}], "encrypted_content": null}"#
        let rest = [
            #"{"type": "message", "id": "msg_e\#(number)", "status": "completed", "role": "assistant", "content": [{"type": "output_text", "text": \#(AgentTexts.quoted(answer.text)), "annotations": []}]}"#,
            #"{"type": "function_call", "id": "fc_\#(number)", "status": "completed", "name": "\#(answer.callName)", "arguments": \#(AgentTexts.quoted(answer.arguments)), "call_id": "\#(answer.callID)"}"#,
            #"{"type": "function_call_output", "id": "fco_\#(number)", "call_id": "\#(answer.callID)", "output": \#(AgentTexts.quoted(AgentTexts.output))}"#,
        ]
        return body((keepsReasoning ? [reasoning] : []) + rest, number, topic)
    }

    func read(_ response: TestResponse) throws -> AgentAnswer {
        var answer = AgentAnswer()
        for event in try response.eventValues() {
            switch event["type"]?.string {
            case "response.reasoning_text.delta": answer.reasoning += event["delta"]?.string ?? ""
            case "response.output_text.delta": answer.text += event["delta"]?.string ?? ""
            case "response.output_item.done":
                guard let item = event["item"], item["type"]?.string == "function_call" else { continue }
                (answer.callID, answer.callName) = (item["call_id"]?.string ?? "", item["name"]?.string ?? "")
                answer.arguments = item["arguments"]?.string ?? ""
            case "response.completed":
                let usage = event["response"]?["usage"]
                answer.prompt = (usage?["input_tokens"]?.int ?? 0, usage?["input_tokens_details"]?["cached_tokens"]?.int ?? 0)
            default: break
            }
        }
        return answer
    }
}
