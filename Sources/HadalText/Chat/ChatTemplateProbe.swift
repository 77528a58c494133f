import HadalCore
import HadalTemplate

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

    static let call = ToolCall(id: ToolCall.makeID(1), name: "called_tool", argumentsJSON: #"{"called_key": "called_value"}"#)

    /// A question, a call and its result.
    private func render(
        calling content: JSON, _ argumentsAsText: Bool, result: String = "told_result", _ form: (String, String) -> JSON
    ) -> String? {
        let tools: JSON = [
            [
                "type": "function",
                "function": [
                    "name": "offered_tool", "description": "a tool",
                    "parameters": [
                        "type": "object", "required": [], "properties": ["offered_key": ["type": "string", "description": "a text"]],
                    ],
                ],
            ]
        ]
        return render(
            [
                message("user", form("question", "user")),
                message("assistant", content, [("tool_calls", JSON(.array([Self.call.json(argumentsAsText: argumentsAsText)])))]),
                message("tool", form(result, "tool"), [("tool_call_id", JSON(.string(Self.call.id))), ("name", "called_tool")]),
            ], tools: tools)
    }

    /// Whether the text of a message is in the prompt.
    ///
    /// - Parameter form: gives a text as the content of a role's message.
    func shows(contentOf role: String, _ form: (String, String) -> JSON) -> Bool {
        let needle = "told_content"
        let question = message("user", form(role == "user" ? needle : "question", "user"))
        let told = message(role, form(needle, role))
        let texts: [String?] =
            switch role {
            case "user": [render([question])]
            case "system": [render([told, question])]
            case "tool":
                [false, true].flatMap { asText in
                    [JSON.null, form("", "assistant")].map { render(calling: $0, asText, result: needle, form) }
                }
            default: [render([question, told, question])]
            }
        // A list printed as such is not read.
        return texts.contains { text in
            guard let text, TextSearch.first(of: needle, in: text) != nil else { return false }
            return !["'text':", "\"text\":"].contains { TextSearch.first(of: $0, in: text) != nil }
        }
    }

    /// What the template makes of a call.
    func renderedCall(_ form: (String, String) -> JSON, nullContent: Bool, argumentsAsText: Bool) -> String? {
        render(calling: nullContent ? .null : form("", "assistant"), argumentsAsText, form)
    }

    /// How a message that calls a tool must be given for the call to be in the prompt.
    ///
    /// - Parameter form: gives a text as the content of a role's message.
    func callForm(_ form: (String, String) -> JSON) -> (nullContent: Bool, argumentsAsText: Bool, keepsContent: Bool)? {
        func rendered(_ content: JSON, _ argumentsAsText: Bool) -> String? { render(calling: content, argumentsAsText, form) }
        let said = form("said", "assistant")
        func occurrences(of part: String, in text: String) -> Int {
            var (count, at) = (0, 0)
            let (needle, bytes) = (Array(part.utf8), Array(text.utf8))
            while let hit = TextSearch.first(of: needle, in: bytes, from: at) {
                count += 1
                at = hit + needle.count
            }
            return count
        }
        let plainNones = rendered(said, false).map { occurrences(of: "None", in: $0) }
        for argumentsAsText in [false, true] {
            for content in [JSON.null, form("", "assistant")] {
                guard let text = rendered(content, argumentsAsText) else { continue }
                func holds(_ part: String) -> Bool { TextSearch.first(of: part, in: text) != nil }
                guard holds("called_tool"), holds("called_value") else { continue }
                // An object printed as Python prints it, or text quoted once more, is no JSON for the model to read.
                if holds("'called_key'") || holds(#"\"called_key\""#) { continue }
                if content.isNull, occurrences(of: "None", in: text) > plainNones ?? 0 { continue }
                let keepsContent = rendered(said, argumentsAsText).map { TextSearch.first(of: "called_value", in: $0) != nil } ?? true
                return (content.isNull, argumentsAsText, keepsContent)
            }
        }
        return nil
    }
}
