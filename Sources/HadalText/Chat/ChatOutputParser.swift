import HadalCore

/// Takes a model's streamed text apart: reasoning, answer, tool calls.
public struct ChatOutputParser: Sendable {
    public enum Event: Sendable, Equatable {
        case reasoning(String)
        case text(String)
        case toolCall(ToolCall)
    }

    private var reasoning: ReasoningParser?
    private var calls: ToolCallParser?

    /// - Parameters:
    ///   - prompt: the rendered prompt: it may have opened a block of reasoning, or closed it.
    ///   - tools: what the model was offered; nil or empty: calls are not looked for.
    ///   - firstCallNumber: the number of the first call that has no id of its own.
    public init(_ format: ChatFormat, afterPrompt prompt: String = "", tools: JSON? = nil, firstCallNumber: Int = 1) {
        let looksForCalls = tools?.array?.isEmpty == false && !format.toolFormats.isEmpty
        if var markers = format.reasoning {
            if looksForCalls {
                for form in format.toolFormats where form.endsReasoning {
                    markers.ends += form.triggers.map { String(decoding: $0, as: UTF8.self) }
                }
            }
            reasoning = ReasoningParser(markers, afterPrompt: prompt)
        }
        if looksForCalls { calls = ToolCallParser(formats: format.toolFormats, tools: tools, firstNumber: firstCallNumber) }
    }

    /// Whether what comes next is reasoning, as far as is known.
    public var isReasoning: Bool { reasoning?.isReasoning ?? false }

    /// Whether something can be put in here without cutting a marker in two.
    public var isBetweenMarkers: Bool { reasoning?.isBetweenMarkers ?? true }

    /// The events that a further piece of text makes certain.
    public mutating func feed(_ delta: String) -> [Event] {
        guard var parser = reasoning else { return answer(delta) }
        let parts = parser.feed(delta)
        reasoning = parser
        return parts.flatMap { event($0) }
    }

    /// The rest, once the model has stopped.
    public mutating func finish() -> [Event] {
        var events: [Event] = []
        if var parser = reasoning {
            let parts = parser.finish()
            reasoning = parser
            events = parts.flatMap { event($0) }
        }
        if var parser = calls {
            events += parser.finish().map(Self.event)
            calls = parser
        }
        return events
    }

    private mutating func event(_ part: ReasoningParser.Event) -> [Event] {
        switch part {
        case .reasoning(let text): [.reasoning(text)]
        case .answer(let text): answer(text)
        }
    }

    private mutating func answer(_ text: String) -> [Event] {
        guard var parser = calls else { return text.isEmpty ? [] : [.text(text)] }
        let events = parser.feed(text)
        calls = parser
        return events.map(Self.event)
    }

    private static func event(_ event: ToolCallParser.Event) -> Event {
        switch event {
        case .text(let text): .text(text)
        case .call(let call): .toolCall(call)
        }
    }
}
