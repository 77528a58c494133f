import HadalText

/// Turns the tokens of a reply into its parts.
struct ReplyWriter {
    private let tokenizer: Tokenizer
    private var detokenizer: IncrementalDetokenizer
    private var parser: ChatOutputParser
    private var stops: StopMatcher
    private(set) var answer = ""
    private(set) var reasoning = ""
    private(set) var toolCalls: [ToolCall] = []
    private(set) var tokens: [Int32] = []
    /// A stop string has ended the answer.
    private(set) var isStopped = false

    /// - Parameter stopStrings: looked for in the answer, not in the reasoning and not in calls.
    init(_ prompt: ChatPrompt, tokenizer: Tokenizer, stopStrings: [String]) {
        self.tokenizer = tokenizer
        let withTools = prompt.tools?.array?.isEmpty == false
        detokenizer = IncrementalDetokenizer(
            tokenizer, shown: prompt.format.shownControlTokens(of: tokenizer, withTools: withTools), continuing: true)
        parser = ChatOutputParser(
            prompt.format, afterPrompt: prompt.text, tools: prompt.tools, firstCallNumber: prompt.firstCallNumber)
        stops = StopMatcher(stopStrings)
    }

    var isReasoning: Bool { parser.isReasoning }

    /// Whether text can be put in here without cutting a marker or a character in two.
    var canBeInterrupted: Bool { parser.isBetweenMarkers && !detokenizer.isInsideCharacter }

    /// The events that a further token makes certain.
    mutating func take(_ token: Int32) throws -> [GenerationEvent] {
        tokens.append(token)
        // A model may have more ids than its vocabulary has tokens, to round its tables up: those have no text.
        guard Int(token) < tokenizer.count else { return [] }
        return events(parser.feed(try detokenizer.append(token)))
    }

    /// The rest, once the model has stopped.
    ///
    /// - Parameter wasCut: it has not ended its output itself.
    mutating func finish(wasCut: Bool) -> [GenerationEvent] {
        guard !isStopped else { return [] }
        var events = events(parser.feed(detokenizer.finish()))
        events += self.events(parser.finish(wasCut: wasCut))
        if !isStopped { events += flushed() }
        return events
    }

    private mutating func events(_ parts: [ChatOutputParser.Event]) -> [GenerationEvent] {
        var events: [GenerationEvent] = []
        for part in parts where !isStopped {
            switch part {
            case .reasoning(let text):
                reasoning += text
                events.append(.reasoning(text))
            case .text(let text):
                let (shown, stopped) = stops.feed(text)
                isStopped = stopped
                answer += shown
                if !shown.isEmpty { events.append(.text(shown)) }
            case .textWasReasoning(let text):
                stops.reset()
                answer = ""
                reasoning += text
                events.append(.textWasReasoning(text))
            case .toolCall(let call):
                events += flushed()
                toolCalls.append(call)
                events.append(.toolCall(call))
            }
        }
        return events
    }

    /// What was held back as the possible beginning of a stop string.
    private mutating func flushed() -> [GenerationEvent] {
        let rest = stops.finish()
        answer += rest
        return rest.isEmpty ? [] : [.text(rest)]
    }
}
