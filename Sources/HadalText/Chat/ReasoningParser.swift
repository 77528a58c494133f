/// Splits a model's streamed text into reasoning and answer.
///
/// A marker may arrive in pieces: what could still become one is held back until the next delta decides. The opening marker
/// counts only before the answer has begun, since an answer may well talk about markers. Line ends next to a marker belong
/// to neither part.
public struct ReasoningParser: Sendable {
    public enum Event: Sendable, Equatable {
        case reasoning(String)
        case answer(String)
    }

    private enum State { case undecided, reasoning, answer }

    private let open: [UInt8]
    private let close: [UInt8]
    private var state: State
    /// Text not told yet.
    private var held: [UInt8] = []
    /// Nothing of the current part has been told, so its leading line ends are dropped.
    private var isAtStart = true

    /// - Parameter startsInside: The prompt has opened the block already; see `ReasoningMarkers.isOpen(atEndOf:)`.
    public init(_ markers: ReasoningMarkers = .think, startsInside: Bool = false) {
        open = Array(markers.open.utf8)
        close = Array(markers.close.utf8)
        state = startsInside ? .reasoning : .undecided
    }

    public init(_ markers: ReasoningMarkers = .think, afterPrompt prompt: String) {
        self.init(markers, startsInside: markers.isOpen(atEndOf: prompt))
    }

    /// Whether what comes next is reasoning, as far as is known.
    public var isReasoning: Bool { state == .reasoning }

    /// The events that a further piece of text makes certain. No event is empty.
    public mutating func feed(_ delta: String) -> [Event] {
        held += delta.utf8
        return advance(isLast: false)
    }

    /// The rest, once the model has stopped.
    public mutating func finish() -> [Event] { advance(isLast: true) }

    private mutating func advance(isLast: Bool) -> [Event] {
        var events: [Event] = []
        if state == .undecided { decide(isLast: isLast) }
        if state == .reasoning { reason(isLast: isLast, into: &events) }
        if state == .answer, !held.isEmpty {
            dropLeadingLineEnds()
            tell(held.count, as: Event.answer, into: &events)
        }
        return events
    }

    /// Looks for the opening marker after white space.
    private mutating func decide(isLast: Bool) {
        let start = held.firstIndex { ![0x0A, 0x0D, 0x20, 0x09].contains($0) } ?? held.count
        let rest = held[start...]
        if !open.isEmpty, rest.starts(with: open) {
            held.removeFirst(start + open.count)
            state = .reasoning
            isAtStart = true
        } else if isLast || open.isEmpty || !open.starts(with: rest) {
            // An answer without reasoning keeps its white space.
            state = .answer
            isAtStart = false
        }
    }

    private mutating func reason(isLast: Bool, into events: inout [Event]) {
        dropLeadingLineEnds()
        if !close.isEmpty, let hit = TextSearch.first(of: close, in: held, from: 0) {
            let end = trimmedEnd(hit)
            let whole = hit + close.count
            tell(end, as: Event.reasoning, into: &events)
            held.removeFirst(whole - end)
            state = .answer
            isAtStart = true
            return
        }
        if isLast { return tell(held.count, as: Event.reasoning, into: &events) }
        // The longest end that may be the beginning of the marker, and line ends before it.
        var partial = min(max(0, close.count - 1), held.count)
        while partial > 0, !held.suffix(partial).elementsEqual(close.prefix(partial)) { partial -= 1 }
        tell(trimmedEnd(held.count - partial), as: Event.reasoning, into: &events)
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
