import HadalCore
import HadalText

/// One turn of a conversation.
public struct ChatMessage: Sendable, Equatable {
    public var role: String
    public var content: String
    public init(role: String, content: String) {
        self.role = role
        self.content = content
    }

    public var json: JSON { ["role": JSON(.string(role)), "content": JSON(.string(content))] }
}

extension Engine {
    /// The ids of a text to continue as it is, with the BOS that the model wants.
    public func encodePrompt(_ text: String) throws -> [Int32] {
        withBOS(try requireTokenizer().encode(text, parseSpecial: true))
    }

    /// The ids of a conversation, rendered by the model's chat template up to where the assistant answers.
    public func encodeChat(_ messages: [ChatMessage], options: JSONObject = JSONObject()) throws -> [Int32] {
        try encodePrompt(try renderChat(messages, options: options))
    }

    /// The text of a conversation, as the model's chat template renders it.
    ///
    /// - Throws: `notFound` when the model has no chat template; what the template raises, with its place.
    public func renderChat(_ messages: [ChatMessage], options: JSONObject = JSONObject()) throws -> String {
        guard let chatTemplate else { throw HadalError(.notFound, "the model has no chat template", hint: "use --raw") }
        var variables = options
        if variables["add_generation_prompt"] == nil { variables["add_generation_prompt"] = true }
        for (name, id) in [("bos_token", tokenizer?.special.bosID), ("eos_token", tokenizer?.special.eosID)] where variables[name] == nil {
            let text = try id.flatMap { id in try tokenizer.map { String(decoding: try $0.token(id), as: UTF8.self) } }
            variables[name] = JSON(.string(text ?? ""))
        }
        return try chatTemplate.render(messages: JSON(.array(messages.map(\.json))), tools: nil, options: variables)
    }

    private func withBOS(_ ids: [Int32]) -> [Int32] {
        guard let special = tokenizer?.special, special.addBOS, let bos = special.bosID, ids.first != bos else { return ids }
        return [bos] + ids
    }
}
