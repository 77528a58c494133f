package import HadalCore

/// Whether a chat template reads the content of messages as text, as a list of parts `{"type": "text", "text": …}`, or as either.
///
/// Found by rendering a message of each role in both ways.
package struct ContentForms: Sendable, Equatable {
    struct Form: Sendable, Equatable {
        var readsText: Bool
        var readsParts: Bool

        static let text = Form(readsText: true, readsParts: false)
    }

    private var forms: [String: Form] = [:]
    private var other = Form.text

    /// Everything is text.
    init() {}

    init(_ probe: ChatTemplateProbe) {
        func form(_ role: String) -> Form? {
            let form = Form(
                readsText: probe.shows(contentOf: role) { text, other in
                    other == role ? JSON(.string(text)) : self.content(text, role: other)
                },
                readsParts: probe.shows(contentOf: role) { text, other in other == role ? Self.part(text) : self.content(text, role: other)
                })
            return form.readsText || form.readsParts ? form : nil
        }
        other = form("user") ?? .text
        for role in ["system", "assistant", "tool"] { forms[role] = form(role) }
    }

    private func form(of role: String) -> Form { forms[role == "developer" ? "system" : role] ?? other }

    /// A text as the content of a message.
    package func content(_ text: String, role: String) -> JSON {
        let form = form(of: role)
        return form.readsText || !form.readsParts ? JSON(.string(text)) : Self.part(text)
    }

    private static func part(_ text: String) -> JSON {
        text.isEmpty ? JSON(.array([])) : JSON(.array([JSON(.object(JSONObject([("type", "text"), ("text", JSON(.string(text)))])))]))
    }

    /// Messages with their content as the template reads it; what it reads already stays as it is.
    ///
    /// - Throws: `unsupported`, with the place, for a part that is no text where the template reads texts alone.
    package func adapted(_ messages: JSON, in document: JSONDocument) throws -> JSON {
        guard let items = messages.array else { return messages }
        let adapted = try items.map { message -> JSON in
            guard var object = message.object, let content = object["content"] else { return message }
            let role = object["role"]?.string ?? ""
            if let text = content.string {
                object["content"] = self.content(text, role: role)
            } else if content.array != nil, !form(of: role).readsParts {
                object["content"] = JSON(.string(try Self.texts(content, in: document).text), offset: content.offset)
            }
            return JSON(.object(object), offset: message.offset)
        }
        return JSON(.array(adapted), offset: messages.offset)
    }

    /// The texts of a content in parts, joined: those that are said, and those that were thought.
    ///
    /// - Throws: `unsupported`, with the place, for a part that is no text.
    package static func texts(_ content: JSON, in document: JSONDocument) throws -> (text: String, reasoning: String) {
        if let text = content.string { return (text, "") }
        var (text, reasoning) = ("", "")
        for part in content.array ?? [content] {
            let type = part["type"]?.string
            switch type {
            case "thinking", "reasoning":
                let thought = part["thinking"] ?? part["reasoning"] ?? part["text"] ?? part["content"]
                reasoning += try thought.map { try texts($0, in: document).text } ?? ""
            case nil, "text", "input_text", "output_text", "refusal":
                guard let said = part.string ?? part["text"]?.string ?? part["refusal"]?.string else { fallthrough }
                text += said
            default:
                let name = type.map { "of type \"\($0)\"" } ?? "that is \(part.kindName) without a \"text\""
                throw HadalError(
                    .unsupported, "a part of the content \(name) cannot be given to this model", at: document.place(of: part),
                    hint: #"parts are text: {"type": "text", "text": "…"}"#)
            }
        }
        return (text, reasoning)
    }
}
