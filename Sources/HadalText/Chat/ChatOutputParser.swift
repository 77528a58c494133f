package import HadalCore

/// Takes a model's streamed text apart: reasoning, answer, tool calls.
///
/// A marker or a call may arrive in pieces: what could still become one is held back until what follows decides. What begins like a
/// call and turns out to be none is the text that it is. However the text is cut into pieces, the same comes of it.
package struct ChatOutputParser: Sendable {
    package enum Event: Sendable, Equatable {
        case reasoning(String)
        case text(String)
        case toolCall(ToolCall)
        /// Everything told as text so far was thought before the answer began: its text is void, and this belongs to the reasoning.
        case textWasReasoning(String)
    }

    enum Part { case undecided, reasoning, answer }

    /// What a text found in the stream means.
    enum Kind { case open, close, end, drop, frameEnd, call, callEnd, bareCall }

    struct Marker {
        var text: [UInt8]
        var kind: Kind
    }

    /// What is looked for at the same time.
    struct MarkerSet {
        var kinds: [Kind] = []
        var texts: [[UInt8]] = []

        mutating func add(_ text: [UInt8], _ kind: Kind) {
            guard !text.isEmpty else { return }
            texts.append(text)
            kinds.append(kind)
        }

        mutating func add(_ texts: [String], _ kind: Kind) { for text in texts { add(Array(text.utf8), kind) } }
    }

    let markers: ReasoningMarkers?
    let scanner: CallScanner?
    let reasoningMarkers: MarkerSet
    let answerMarkers: MarkerSet
    var part: Part
    /// Text not told yet.
    var held: [UInt8] = []
    /// Of the held text: what the prompt had written already.
    var borrowed = 0
    var ending = ToolCallMatcher.Ending.open
    var events: [Event] = []
    /// Nothing of the current part has been told, so its leading line ends are dropped.
    var isAtStart = true
    /// A closing marker has been seen, or one can mean nothing.
    var isClosed = false
    /// Calls within the reasoning, of which it is not known yet whether the reasoning ended with them.
    var draft: Draft?
    /// The text of the answer told so far.
    var told: [UInt8] = []
    /// White space and opening texts of calls before what comes next: dropped before a call, told before anything else.
    var undecided: [UInt8] = []
    var isAfterCall = false
    /// What is held is the beginning of a call.
    var isWaiting = false
    private var nextNumber: Int

    /// - Parameters:
    ///   - prompt: the rendered prompt: it may have opened a block of reasoning, or closed it.
    ///   - tools: what the model was offered; nil or empty: calls are not looked for.
    ///   - firstCallNumber: the number of the first call that has no id of its own; see `ToolCall.makeID`.
    package init(_ format: ChatFormat, afterPrompt prompt: String = "", tools: JSON? = nil, firstCallNumber: Int = 1) {
        self.init(format.reasoning, format.toolFormats, afterPrompt: prompt, tools: tools, firstCallNumber: firstCallNumber)
    }

    init(
        _ markers: ReasoningMarkers?, _ formats: [ToolCallFormat], afterPrompt prompt: String = "", tools: JSON? = nil,
        firstCallNumber: Int = 1
    ) {
        self.markers = markers
        nextNumber = firstCallNumber
        let looksForCalls = tools?.array?.isEmpty == false && !formats.isEmpty
        scanner = looksForCalls ? CallScanner(formats, tools: tools, between: markers?.between ?? []) : nil
        var (inReasoning, inAnswer) = (MarkerSet(), MarkerSet())
        inAnswer.add(formats.flatMap(\.drops), .drop)
        if let markers {
            inReasoning.add([markers.close], .close)
            inReasoning.add(markers.ends, .end)
            inReasoning.add([markers.open], .open)
            inAnswer.add(markers.drops, .drop)
            inAnswer.add([markers.open], .open)
            if !markers.drops.contains(markers.close) { inAnswer.add([markers.close], .close) }
            if !markers.answerClose.isEmpty { inAnswer.add([markers.answerClose, "\n" + markers.answerClose], .frameEnd) }
        }
        if let scanner {
            for format in formats {
                for trigger in format.triggers { inReasoning.add(trigger, format.endsReasoning ? .end : .call) }
                // A call that nothing marks stands on a line of its own.
                for pattern in format.bare {
                    let starts = pattern.trigger.isEmpty ? ["{", "["].map { Array($0.utf8) } : [pattern.trigger]
                    for start in starts { inReasoning.add([0x0A] + start, .bareCall) }
                }
                for end in format.end { inAnswer.add(end, .callEnd) }
            }
            for trigger in scanner.triggers { inAnswer.add(trigger, .call) }
        }
        reasoningMarkers = inReasoning
        answerMarkers = inAnswer
        part = markers == nil ? .answer : markers?.isOpen(atEndOf: prompt) == true ? .reasoning : .undecided
        isAtStart = markers != nil
        isClosed = markers == nil
        if let begun = formats.map(\.prompt).first(where: { !$0.isEmpty && prompt.utf8.suffix($0.utf8.count).elementsEqual($0.utf8) }) {
            held = Array(begun.utf8)
            borrowed = held.count
        }
        followsBlock = markers?.isClosed(atEndOf: prompt) ?? false
    }

    /// The prompt has opened a block and closed it, so that line ends before the answer belong to its marker.
    let followsBlock: Bool

    /// Whether what comes next is reasoning, as far as is known.
    package var isReasoning: Bool { part == .reasoning }

    /// What there is of the answer, told or not yet.
    package var answerSoFar: [UInt8] { part == .answer ? told + undecided + held : [] }

    /// Whether something can be put in here without cutting a marker in two.
    package var isBetweenMarkers: Bool { held.allSatisfy { $0 == 0x0A || $0 == 0x0D } }

    /// The events that a further piece of text makes certain. No event but `textWasReasoning` is empty.
    package mutating func feed(_ delta: String) -> [Event] {
        held += delta.utf8
        // Nothing but these can end a call that has begun.
        if isWaiting, !delta.utf8.contains(where: Self.isDecisive) { return [] }
        return advance()
    }

    /// The rest, once the model has stopped.
    ///
    /// - Parameter wasCut: it was stopped before it ended its output. A call that is not whole is then none; otherwise what would have
    ///   closed it may be missing.
    package mutating func finish(wasCut: Bool = false) -> [Event] {
        ending = wasCut ? .cut : .ended
        events = advance()
        finishReasoning()
        finishAnswer()
        return events
    }

    private mutating func advance() -> [Event] {
        events = []
        isWaiting = false
        while !held.isEmpty {
            let goesOn =
                switch part {
                case .undecided: decide()
                case .reasoning: reason()
                case .answer: answer()
                }
            if !goesOn { break }
        }
        return events
    }

    /// Looks for the opening marker after white space. Returns whether there is more to do.
    private mutating func decide() -> Bool {
        guard let markers else { return false }
        let open = Array(markers.open.utf8)
        let start = held.firstIndex { ![0x0A, 0x0D, 0x20, 0x09].contains($0) } ?? held.count
        let rest = held[start...]
        if !open.isEmpty, rest.starts(with: open) {
            held.removeFirst(start + open.count)
            part = .reasoning
            isAtStart = true
            return true
        }
        let drops = markers.drops.map { Array($0.utf8) }
        if ending == .open, ([open] + drops).contains(where: { $0.count > rest.count && $0.starts(with: rest) }) { return false }
        if let drop = drops.first(where: { !$0.isEmpty && rest.starts(with: $0) }) {
            held.removeFirst(start + drop.count)
            return true
        }
        // An answer without reasoning keeps its white space.
        part = .answer
        isAtStart = followsBlock
        return true
    }

    /// The first of the markers in the held text. `isCertain` is false where it may become a longer one.
    func find(_ markers: MarkerSet) -> (offset: Int, marker: Marker, isCertain: Bool)? {
        guard let (offset, index) = TextSearch.earliest(of: markers.texts, in: held) else { return nil }
        let rest = held[offset...]
        let mayGrow = ending == .open && markers.texts.contains { $0.count > rest.count && $0.starts(with: rest) }
        return (offset, Marker(text: markers.texts[index], kind: markers.kinds[index]), !mayGrow)
    }

    /// How many bytes at the end of the held text may be the beginning of a marker.
    func partial(_ markers: MarkerSet) -> Int { ending == .open ? TextSearch.partial(of: markers.texts, atEndOf: held) : 0 }

    /// Takes bytes off the held text, without those that the prompt had written.
    mutating func take(_ count: Int) -> [UInt8] {
        let own = held[min(borrowed, count)..<count]
        borrowed = max(0, borrowed - count)
        defer { held.removeFirst(count) }
        return Array(own)
    }

    mutating func dropLeadingLineEnds() {
        guard isAtStart else { return }
        _ = take(held.firstIndex { $0 != 0x0A && $0 != 0x0D } ?? held.count)
        if !held.isEmpty { isAtStart = false }
    }

    mutating func tell(_ call: FoundCall) {
        events.append(.toolCall(ToolCall(id: call.id ?? ToolCall.makeID(nextNumber), name: call.name, argumentsJSON: call.arguments)))
        nextNumber += 1
    }

    mutating func tell(reasoning bytes: some Sequence<UInt8>) {
        let text = String(decoding: Array(bytes), as: UTF8.self)
        if !text.isEmpty { events.append(.reasoning(text)) }
    }

    private static func isDecisive(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"),
            UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "`"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "|"), 0x0A, 0x20,
            UInt8(ascii: ":"), UInt8(ascii: ","), 0x80...0xFF:
            true
        default: false
        }
    }

    static func isLineEnd(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }

    static func withoutLineEnds(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        var bytes = bytes[...]
        while let first = bytes.first, isLineEnd(first) { bytes.removeFirst() }
        while let last = bytes.last, isLineEnd(last) { bytes.removeLast() }
        return bytes
    }
}
