import HadalText

/// Turns the tokens of a generation into its text, and in a chat into reasoning, answer and calls.
struct TextAssembler {
    private let tokenizer: Tokenizer?
    private var detokenizer: IncrementalDetokenizer?
    /// nil: all text is answer.
    private var parser: ChatOutputParser?
    private var stops: StopMatcher
    private(set) var answer = ""
    private(set) var reasoning = ""
    private(set) var toolCalls: [ToolCall] = []
    private(set) var tokens: [Int32] = []
    /// The stop string that has ended the answer.
    private(set) var stopString: String?

    var isStopped: Bool { stopString != nil }

    /// Text that goes on as it is.
    ///
    /// - Parameters:
    ///   - tokenizer: nil: tokens have no text.
    ///   - continuing: other tokens come before, so that a leading space counts.
    init(_ tokenizer: Tokenizer?, continuing: Bool, stopStrings: [String]) {
        self.tokenizer = tokenizer
        detokenizer = tokenizer.map { IncrementalDetokenizer($0, continuing: continuing) }
        stops = StopMatcher(stopStrings)
    }

    /// The reply to a prompt.
    ///
    /// - Parameter stopStrings: looked for in the answer, not in the reasoning and not in calls.
    init(replyTo prompt: ChatPrompt, _ tokenizer: Tokenizer, stopStrings: [String]) {
        self.tokenizer = tokenizer
        let shown = prompt.format.shownControlTokens(of: tokenizer, withTools: !prompt.tools.isEmpty)
        detokenizer = IncrementalDetokenizer(tokenizer, shown: shown, continuing: true)
        parser = ChatOutputParser(
            prompt.format, afterPrompt: prompt.text, tools: prompt.tools.json, firstCallNumber: prompt.firstCallNumber)
        stops = StopMatcher(stopStrings)
    }

    var isReasoning: Bool { parser?.isReasoning ?? false }

    /// What there is of the answer in a chat, told or not yet.
    var answerSoFar: [UInt8] { parser?.answerSoFar ?? [] }

    /// Whether text can be put in here without cutting a marker or a character in two.
    var canBeInterrupted: Bool { (parser?.isBetweenMarkers ?? true) && detokenizer?.isInsideCharacter != true }

    /// The events that a further token makes certain.
    mutating func take(_ token: Int32) throws -> [GenerationEvent] {
        tokens.append(token)
        // A model may have more ids than its vocabulary has tokens, to round its tables up: those have no text.
        guard let tokenizer, Int(token) < tokenizer.count, let text = try detokenizer?.append(token) else { return [] }
        return events(text)
    }

    /// The rest, once the model has stopped.
    ///
    /// - Parameter wasCut: it has not ended its output itself.
    mutating func finish(wasCut: Bool) -> [GenerationEvent] {
        guard !isStopped else { return [] }
        var events = self.events(detokenizer?.finish() ?? "")
        if let rest = parser?.finish(wasCut: wasCut) { events += self.events(rest) }
        return isStopped ? events : events + heldBack()
    }

    private mutating func events(_ text: String) -> [GenerationEvent] {
        guard let parts = parser?.feed(text) else { return events([.text(text)]) }
        return events(parts)
    }

    private mutating func events(_ parts: [ChatOutputParser.Event]) -> [GenerationEvent] {
        var events: [GenerationEvent] = []
        for part in parts where !isStopped {
            switch part {
            case .reasoning(let text):
                reasoning += text
                events.append(.reasoning(text))
            case .text(let text):
                let (shown, stop) = stops.feed(text)
                stopString = stop
                answer += shown
                if !shown.isEmpty { events.append(.text(shown)) }
            case .textWasReasoning(let text):
                stops.reset()
                answer = ""
                reasoning += text
                events.append(.textWasReasoning(text))
            case .toolCall(let call):
                events += heldBack()
                toolCalls.append(call)
                events.append(.toolCall(call))
            }
        }
        return events
    }

    /// What was held back as the possible beginning of a stop string.
    private mutating func heldBack() -> [GenerationEvent] {
        let rest = stops.finish()
        answer += rest
        return rest.isEmpty ? [] : [.text(rest)]
    }
}
