import HadalConstraints
import HadalCore
import HadalTemplate
import HadalText

extension Engine {
    /// The ids of a text to continue as it is, with the tokens that go before a prompt of this model.
    public func encodePrompt(_ text: String) throws -> [Int32] {
        let tokenizer = try requireTokenizer()
        return tokenizer.withPrefix(try tokenizer.encode(text, parseSpecial: true))
    }

    /// The ids of a conversation, rendered by the model's chat template up to where the assistant answers.
    public func encodeChat(_ messages: [ChatMessage]) throws -> [Int32] { try chatPrompt(ChatRequest(messages: messages)).ids }

    /// The text of a conversation, as the model's chat template renders it: with tools the one that is published for them.
    ///
    /// - Throws: `notFound` when the model has no chat template; what the template raises, with its place.
    package func renderChat(_ messages: [ChatMessage], tools: [Tool] = []) throws -> String {
        var variables = JSONObject()
        return try renderChat(messages, tools, variables, chatTemplate(tools, &variables))
    }

    /// The template of a conversation: the one that `chat_template` of the variables names. Takes its name out of them.
    private func chatTemplate(_ tools: [Tool], _ variables: inout JSONObject) throws -> ChatTemplate? {
        try chatTemplates.choose(named: ChatTemplates.takeName(from: &variables), withTools: !tools.isEmpty)
    }

    private func renderChat(
        _ messages: [ChatMessage], _ tools: [Tool], _ given: JSONObject, _ template: ChatTemplate?
    ) throws -> String {
        guard let template else { throw HadalError(.notFound, "the model has no chat template", hint: [.remove(.chatTemplate)]) }
        var variables = try templateVariables()
        variables["add_generation_prompt"] = true
        for member in given.members { variables[member.key] = member.value }
        let list = messages.map { $0.json(for: chatFormat(of: template)) }
        return try template.render(messages: JSON(.array(list)), tools: tools.json, options: variables)
    }

    /// What every rendering gets: the texts of the tokens that have a role, the BOS and the EOS always.
    func templateVariables() throws -> JSONObject {
        var variables = JSONObject()
        for (role, text) in tokenizer?.special.names ?? [] { variables[role] = JSON(.string(text)) }
        for (name, id) in [("bos_token", tokenizer?.special.bosID), ("eos_token", tokenizer?.special.eosID)] {
            let text = try id.flatMap { id in try tokenizer.map { String(decoding: try $0.token(id), as: UTF8.self) } }
            variables[name] = JSON(.string(text ?? ""))
        }
        return variables
    }

    /// A request as this model gets it.
    ///
    /// - Throws: as `renderChat`; `unsupported` when reasoning is asked of a model that is not known to reason, and for calls that cannot be
    ///   enforced; `notFound` for a tool that has to be called and is not offered.
    public func chatPrompt(_ request: ChatRequest) throws -> ChatPrompt {
        if let budget = request.reasoningBudget, budget < 0 {
            throw HadalError(.invalidArgument, "a reasoning budget must be 0 or more, not \(budget)")
        }
        var variables = request.variables
        let tools = request.toolChoice == .none ? [] : request.tools
        let template = try chatTemplate(tools, &variables)
        let format = chatFormat(of: template)
        var budget = request.reasoningBudget
        if let thinking = format.thinkingSwitch {
            let value = request.thinking == .off ? thinking.off : thinking.on
            if variables[thinking.variable] == nil { variables[thinking.variable] = value }
        } else if request.thinking == .off {
            budget = 0
        }
        if request.thinking == .on, format.thinkingSwitch == nil, format.reasoning == nil {
            throw HadalError(
                .unsupported, "this model is not known to reason", hint: "its chat template and its vocabulary have no markers for it")
        }
        var text = try renderChat(request.messages, tools, variables, template)
        var (isOpen, mayReason) = (false, false)
        if let markers = format.reasoning {
            isOpen = markers.isOpen(atEndOf: text)
            if !isOpen, request.thinking == .on, format.thinkingSwitch == nil, !markers.isClosed(atEndOf: text) {
                text += markers.open + markers.afterOpen
                isOpen = true
            }
            if isOpen, budget == 0, let closing = format.closing(unused: true) {
                text += closing
                isOpen = false
            }
            mayReason = !isOpen && request.thinking != .off && budget != 0 && !markers.isClosed(atEndOf: text)
        }
        if let prefix = request.answerPrefix {
            if isOpen { text += format.closing(unused: true) ?? "" }
            text += prefix
            (isOpen, mayReason) = (false, false)
        }
        let calls = request.messages.reduce(0) { $0 + $1.toolCalls.count }
        return ChatPrompt(
            text: text, ids: try encodePrompt(text), startsInReasoning: isOpen, format: format, tools: tools, reasoningBudget: budget,
            calls: try CallConstraint(request.toolChoice, tools, format, afterPrompt: text, self), mayReason: mayReason,
            firstCallNumber: calls + 1)
    }
}
