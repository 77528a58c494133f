/// Splits a model's streamed text into reasoning and answer.
///
/// A marker may arrive in pieces: what could still become one is held back until the next delta decides. Unless the markers
/// say otherwise, the opening marker counts only before the answer has begun, since an answer may well talk about markers.
/// Line ends next to a marker belong to neither part.
public struct ReasoningParser: Sendable {
    public enum Event: Sendable, Equatable {
        case reasoning(String)
        case answer(String)
    }

    private enum State { case undecided, reasoning, answer }

    private let open: [UInt8]
    private let close: [UInt8]
    private let drops: [[UInt8]]
    private let ends: [[UInt8]]
    /// What is looked for in an answer.
    private let answerMarkers: [[UInt8]]
    private let followsBlock: Bool
    private var state: State
    /// Text not told yet.
    private var held: [UInt8] = []
    /// Nothing of the current part has been told, so its leading line ends are dropped.
    private var isAtStart = true

    /// - Parameters:
    ///   - startsInside: The prompt has opened the block already; see `ReasoningMarkers.isOpen(atEndOf:)`.
    ///   - followsBlock: The prompt has opened and closed it, so that line ends before the answer belong to its marker.
    public init(_ markers: ReasoningMarkers = .think, startsInside: Bool = false, followsBlock: Bool = false) {
        open = Array(markers.open.utf8)
        close = Array(markers.close.utf8)
        drops = markers.drops.map { Array($0.utf8) }.filter { !$0.isEmpty }
        ends = markers.ends.map { Array($0.utf8) }.filter { !$0.isEmpty }
        answerMarkers = drops + (markers.reopens && !markers.open.isEmpty ? [open] : [])
        state = startsInside ? .reasoning : .undecided
        self.followsBlock = followsBlock
    }

    public init(_ markers: ReasoningMarkers = .think, afterPrompt prompt: String) {
        self.init(markers, startsInside: markers.isOpen(atEndOf: prompt), followsBlock: markers.isClosed(atEndOf: prompt))
    }

    /// Whether what comes next is reasoning, as far as is known.
    public var isReasoning: Bool { state == .reasoning }

    /// Whether what is held back, if anything, can be no part of a marker.
    public var isBetweenMarkers: Bool { held.allSatisfy { $0 == 0x0A || $0 == 0x0D } }

    /// The events that a further piece of text makes certain. No event is empty.
    public mutating func feed(_ delta: String) -> [Event] {
        held += delta.utf8
        return advance(isLast: false)
    }

    /// The rest, once the model has stopped.
    public mutating func finish() -> [Event] { advance(isLast: true) }

    private mutating func advance(isLast: Bool) -> [Event] {
        var events: [Event] = []
        // Each round goes on to the next part; the one that cannot leaves the loop.
        while true {
            let before = (state, held.count)
            switch state {
            case .undecided: decide(isLast: isLast)
            case .reasoning: reason(isLast: isLast, into: &events)
            case .answer: answer(isLast: isLast, into: &events)
            }
            if held.isEmpty || (state == before.0 && held.count == before.1) { return events }
        }
    }

    /// Looks for the opening marker after white space.
    private mutating func decide(isLast: Bool) {
        let start = held.firstIndex { ![0x0A, 0x0D, 0x20, 0x09].contains($0) } ?? held.count
        let rest = held[start...]
        if !open.isEmpty, rest.starts(with: open) {
            held.removeFirst(start + open.count)
            state = .reasoning
            isAtStart = true
        } else if isLast || !([open] + drops).contains(where: { !$0.isEmpty && $0.count > rest.count && $0.starts(with: rest) }) {
            if let drop = drops.first(where: { rest.starts(with: $0) }) {
                held.removeFirst(start + drop.count)
                return
            }
            // An answer without reasoning keeps its white space.
            state = .answer
            isAtStart = followsBlock
        }
    }

    private mutating func reason(isLast: Bool, into events: inout [Event]) {
        dropLeadingLineEnds()
        if let (hit, marker) = TextSearch.earliest(of: [close] + ends, in: held) {
            let end = trimmedEnd(hit)
            tell(end, as: Event.reasoning, into: &events)
            held.removeFirst(hit - end + (marker == 0 ? close.count : 0))
            state = .answer
            isAtStart = true
            return
        }
        if isLast { return tell(held.count, as: Event.reasoning, into: &events) }
        // The longest end that may be the beginning of a marker, and line ends before it.
        let partial = TextSearch.partial(of: [close] + ends, atEndOf: held)
        tell(trimmedEnd(held.count - partial), as: Event.reasoning, into: &events)
    }

    private mutating func answer(isLast: Bool, into events: inout [Event]) {
        dropLeadingLineEnds()
        guard !held.isEmpty else { return }
        if let (hit, marker) = TextSearch.earliest(of: answerMarkers, in: held) {
            tell(hit, as: Event.answer, into: &events)
            held.removeFirst(answerMarkers[marker].count)
            isAtStart = true
            if marker == drops.count { state = .reasoning }
            return
        }
        let partial = isLast ? 0 : TextSearch.partial(of: answerMarkers, atEndOf: held)
        tell(held.count - partial, as: Event.answer, into: &events)
    }

    private func trimmedEnd(_ end: Int) -> Int {
        var end = end
        while end > 0, held[end - 1] == 0x0A || held[end - 1] == 0x0D { end -= 1 }
        return end
    }

    private mutating func dropLeadingLineEnds() {
        guard isAtStart else { return }
        held.removeFirst(held.firstIndex { $0 != 0x0A && $0 != 0x0D } ?? held.count)
        if !held.isEmpty { isAtStart = false }
    }

    private mutating func tell(_ count: Int, as event: (String) -> Event, into events: inout [Event]) {
        guard count > 0 else { return }
        events.append(event(String(decoding: held[..<count], as: UTF8.self)))
        held.removeFirst(count)
    }
}
