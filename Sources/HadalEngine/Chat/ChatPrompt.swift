package import HadalText

/// A request as one model gets it, and how its reply is to be read.
public struct ChatPrompt: Sendable {
    /// What the template made of the request.
    public let text: String
    public let ids: [Int32]
    /// The prompt has opened a block of reasoning: the reply begins inside.
    public let startsInReasoning: Bool
    package let format: ChatFormat
    public let tools: [Tool]
    /// As in the request; 0 also where reasoning was turned off and the template could not be told.
    public let reasoningBudget: Int?
    /// What tool calls in the reply have to be.
    let calls: CallConstraint?
    /// The model may open reasoning itself.
    let mayReason: Bool
    /// The number of the first call of the reply, for its id.
    let firstCallNumber: Int

    /// The same text as other tokens.
    func with(_ ids: [Int32]) -> ChatPrompt {
        ChatPrompt(
            text: text, ids: ids, startsInReasoning: startsInReasoning, format: format, tools: tools, reasoningBudget: reasoningBudget,
            calls: calls, mayReason: mayReason, firstCallNumber: firstCallNumber)
    }
}
