import HadalCore

/// Finds out by trying how a chat template wants its messages.
struct ChatTemplateProbe {
    let template: ChatTemplate
    let variables: JSONObject

    private func render(_ messages: [JSON], tools: JSON? = nil, _ extra: [(String, JSON)] = []) -> String? {
        var options = variables
        options["add_generation_prompt"] = true
        for (name, value) in extra { options[name] = value }
        return try? template.render(messages: JSON(.array(messages)), tools: tools, options: options)
    }

    private func message(_ role: String, _ content: JSON, _ more: [(String, JSON)] = []) -> JSON {
        JSON(.object(JSONObject([("role", JSON(.string(role))), ("content", content)] + more)))
    }

    /// Whether a variable changes what a template makes of a question.
    func has(_ thinking: ThinkingSwitch) -> Bool {
        guard TextSearch.first(of: thinking.variable, in: template.source) != nil else { return false }
        let question = [message("user", "question")]
        guard let off = render(question, [(thinking.variable, thinking.off)]),
            let on = render(question, thinking.on.map { [(thinking.variable, $0)] } ?? [])
        else { return false }
        return ExactString(on) != ExactString(off)
    }

    /// How a message that calls a tool must be given for the call to be in the prompt.
    func callForm() -> (nullContent: Bool, argumentsAsText: Bool, keepsContent: Bool)? {
        let tools: JSON = [[
            "type": "function",
            "function": [
                "name": "offered_tool", "description": "a tool",
                "parameters": [
                    "type": "object", "required": [], "properties": ["offered_key": ["type": "string", "description": "a text"]],
                ],
            ],
        ]]
        func rendered(_ content: JSON, _ argumentsAsText: Bool) -> String? {
            let call = ToolCall(id: ToolCall.makeID(1), name: "called_tool", argumentsJSON: #"{"called_key": "called_value"}"#)
            return render(
                [
                    message("user", "question"),
                    message("assistant", content, [("tool_calls", JSON(.array([call.json(argumentsAsText: argumentsAsText)])))]),
                    message("tool", "told_result", [("tool_call_id", JSON(.string(call.id))), ("name", "called_tool")]),
                ], tools: tools)
        }
        func occurrences(of part: String, in text: String) -> Int {
            var (count, at) = (0, 0)
            let (needle, bytes) = (Array(part.utf8), Array(text.utf8))
            while let hit = TextSearch.first(of: needle, in: bytes, from: at) {
                count += 1
                at = hit + needle.count
            }
            return count
        }
        let plainNones = rendered("said", false).map { occurrences(of: "None", in: $0) }
        for argumentsAsText in [false, true] {
            for content in [JSON.null, ""] {
                guard let text = rendered(content, argumentsAsText) else { continue }
                func holds(_ part: String) -> Bool { TextSearch.first(of: part, in: text) != nil }
                guard holds("called_tool"), holds("called_value") else { continue }
                // An object printed as Python prints it, or text quoted once more, is no JSON for the model to read.
                if holds("'called_key'") || holds(#"\"called_key\""#) { continue }
                if content.isNull, occurrences(of: "None", in: text) > plainNones ?? 0 { continue }
                let keepsContent = rendered("said", argumentsAsText).map { TextSearch.first(of: "called_value", in: $0) != nil } ?? true
                return (content.isNull, argumentsAsText, keepsContent)
            }
        }
        return nil
    }
}
