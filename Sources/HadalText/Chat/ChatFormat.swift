package import HadalCore
package import HadalTemplate

/// What is known of how one model reasons, calls tools and takes messages: found from its chat template and its vocabulary.
package struct ChatFormat: Sendable {
    /// nil: no reasoning is told apart.
    package let reasoning: ReasoningMarkers?
    /// nil: the template cannot be asked.
    package let thinkingSwitch: ThinkingSwitch?
    package let toolFormats: [ToolCallFormat]
    /// How the model writes calls itself; nil: no form is known.
    package let callForm: WrittenCallForm?
    /// The key under which messages hold reasoning.
    package let reasoningKey: String
    /// A message that only calls tools has null for its content; otherwise an empty string.
    package let takesNullContent: Bool
    /// The arguments of calls are the text of a JSON object; otherwise the object.
    package let takesArgumentsAsText: Bool
    /// A message may have content beside its calls; otherwise the template would leave the calls out.
    package let keepsContentWithCalls: Bool
    /// How the template reads the content of messages.
    package let content: ContentForms
    /// What is written where reasoning is cut off.
    package let budgetLine: String

    /// - Parameter variables: what every rendering gets, such as `bos_token`.
    package init(
        template: ChatTemplate?, tokenizer: Tokenizer?, variables: JSONObject = JSONObject(), conventions: ChatConventions = .builtIn
    ) {
        let source = template?.source
        reasoning = conventions.reasoning(template: source, tokenizer: tokenizer)
        toolFormats = conventions.tools(template: source, tokenizer: tokenizer)
        budgetLine = conventions.budgetLine
        let keys = conventions.reasoningKeys
        reasoningKey =
            keys.first { key in source.map { TextSearch.first(of: key, in: $0) != nil } ?? false } ?? keys.first ?? "reasoning_content"
        let probe = template.map { ChatTemplateProbe(template: $0, variables: variables) }
        thinkingSwitch = probe.flatMap { probe in conventions.switches.first(where: probe.has) }
        let content = probe.map { ContentForms($0) } ?? ContentForms()
        self.content = content
        (takesNullContent, takesArgumentsAsText, keepsContentWithCalls) = probe?.callForm(content.content(_:role:)) ?? (false, false, true)
        let rendered =
            toolFormats.isEmpty
            ? nil
            : probe?.renderedCall(content.content(_:role:), nullContent: takesNullContent, argumentsAsText: takesArgumentsAsText)
        callForm =
            rendered.flatMap { [toolFormats] in WrittenCallForm(toolFormats, in: $0, call: ChatTemplateProbe.call) }
            ?? WrittenCallForm(toolFormats)
    }

    /// Control tokens that must be shown for the parts of an answer to be told apart.
    package func shownControlTokens(of tokenizer: Tokenizer, withTools: Bool) -> Set<Int32> {
        var texts = reasoning?.all ?? []
        texts += toolFormats.flatMap { withTools ? $0.literals : $0.drops }
        // By what they write: a vocabulary may hold a marker twice, and only one of its ids is the one that encoding finds.
        var written: Set<[UInt8]> = []
        for text in texts {
            for id in (try? tokenizer.encode(text, parseSpecial: true)) ?? [] {
                if let bytes = try? tokenizer.tokenBytes(id) { written.insert(bytes) }
            }
        }
        let shown = (0..<Int32(clamping: tokenizer.count)).filter { id in
            guard (try? tokenizer.isControl(id)) == true, let bytes = try? tokenizer.tokenBytes(id) else { return false }
            return written.contains(bytes)
        }
        return Set(shown)
    }

    /// What closes reasoning that has used up its budget.
    ///
    /// - Parameter unused: nothing was thought; the block is closed without a word.
    package func closing(unused: Bool) -> String? {
        reasoning.map { (unused ? $0.beforeClose : budgetLine) + $0.close + $0.afterClose }
    }
}
