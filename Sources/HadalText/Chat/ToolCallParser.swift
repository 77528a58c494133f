import HadalCore

/// Finds tool calls in a model's streamed answer.
///
/// A call is told once it is complete; the text around calls is told as it comes, without the white space next to a call. What
/// begins like a call and turns out to be none is told as the text it is, so nothing is ever lost.
public struct ToolCallParser: Sendable {
    public enum Event: Sendable, Equatable {
        case text(String)
        case call(ToolCall)
    }

    /// Longer calls are text.
    private static let longestCall = 4 << 20

    private let formats: [ToolCallFormat]
    private let offered: OfferedTools
    private let markers: [[UInt8]]
    private let acceptsBare: Bool
    private var nextNumber: Int
    /// Text not looked at yet, or what may be the beginning of a call.
    private var held: [UInt8] = []
    /// White space and opening texts before what comes next: dropped before a call, told before anything else.
    private var undecided: [UInt8] = []
    private var isAfterCall = false
    private var isAtStart = true
    /// What is held is the beginning of a call.
    private var isWaiting = false

    /// - Parameters:
    ///   - tools: what the model was offered, as messages hold it.
    ///   - firstNumber: the number of the first call that has no id of its own; see `ToolCall.makeID`.
    public init(formats: [ToolCallFormat], tools: JSON? = nil, firstNumber: Int = 1) {
        self.formats = formats
        offered = OfferedTools(tools)
        var markers: [[UInt8]] = []
        for marker in formats.flatMap({ $0.triggers + $0.end }) where !markers.contains(marker) { markers.append(marker) }
        self.markers = markers
        acceptsBare = formats.contains { $0.isBare }
        nextNumber = firstNumber
    }

    /// The events that a further piece of text makes certain. No text is empty.
    public mutating func feed(_ delta: String) -> [Event] {
        held += delta.utf8
        return advance(isLast: false)
    }

    /// The rest, once the model has stopped. A call whose JSON is whole counts even if what would close it is missing.
    public mutating func finish() -> [Event] {
        var events = advance(isLast: true)
        if !isAfterCall || !undecided.allSatisfy(ToolCallMatcher.isSpace) { append(undecided[...], to: &events) }
        undecided = []
        return events
    }

    private mutating func advance(isLast: Bool) -> [Event] {
        var events: [Event] = []
        while !held.isEmpty {
            if acceptsBare, isAtStart || isAfterCall {
                let space = held.prefix(while: isSeparator).count
                undecided += held[..<space]
                held.removeFirst(space)
                if held.first == UInt8(ascii: "{") {
                    if take(isLast: isLast, bare: true, into: &events) { continue }
                    if isWaiting { break }
                }
            }
            guard let (offset, index) = TextSearch.earliest(of: markers, in: held) else {
                let partial = isLast ? 0 : TextSearch.partial(of: markers, atEndOf: held)
                tell(held.count - partial, into: &events)
                break
            }
            tell(offset, into: &events)
            if take(isLast: isLast, bare: false, into: &events) { continue }
            if isWaiting { break }
            pass(markers[index], into: &events)
        }
        return events
    }

    /// Takes the calls that the held text begins with. Returns whether there were any.
    private mutating func take(isLast: Bool, bare: Bool, into events: inout [Event]) -> Bool {
        isWaiting = false
        for format in formats where !bare || format.isBare {
            let patterns = bare ? [ToolCallPattern.bare] : format.calls
            for pattern in patterns {
                var matcher = ToolCallMatcher(held, isLast: isLast, format: format)
                switch matcher.match(pattern) {
                case .failed: continue
                case .incomplete:
                    guard held.count <= Self.longestCall else { continue }
                    isWaiting = true
                    return false
                case .matched(let end):
                    guard let found = format.calls(matcher, isBare: bare, offered: offered) else { continue }
                    undecided = []
                    for call in found {
                        events.append(.call(ToolCall(id: call.id ?? ToolCall.makeID(nextNumber), name: call.name, argumentsJSON: call.arguments)))
                        nextNumber += 1
                    }
                    held.removeFirst(end)
                    isAfterCall = true
                    isAtStart = false
                    return true
                }
            }
        }
        return false
    }

    /// Deals with a marker that no call follows.
    private mutating func pass(_ marker: [UInt8], into events: inout [Event]) {
        if formats.contains(where: { $0.begin.contains(marker) }) {
            undecided += marker
            held.removeFirst(marker.count)
        } else if isAfterCall, formats.contains(where: { $0.end.contains(marker) }) {
            undecided = []
            held.removeFirst(marker.count)
        } else {
            tell(marker.count, into: &events)
        }
    }

    /// Tells the first bytes of the held text, but holds white space at their end back.
    private mutating func tell(_ count: Int, into events: inout [Event]) {
        guard count > 0 else { return }
        var text = held[..<count]
        held.removeFirst(count)
        if text.allSatisfy(isSeparator) {
            undecided += text
            return
        }
        if isAfterCall {
            // White space after a call goes with the call; a text that follows begins with its first letter.
            if undecided.allSatisfy(ToolCallMatcher.isSpace) { undecided = [] }
            if undecided.isEmpty { text = text.drop(while: ToolCallMatcher.isSpace) }
            isAfterCall = false
        }
        isAtStart = false
        let trailing = text.reversed().prefix(while: ToolCallMatcher.isSpace).count
        append((undecided + text.dropLast(trailing))[...], to: &events)
        undecided = Array(text.suffix(trailing))
    }

    private func append(_ bytes: ArraySlice<UInt8>, to events: inout [Event]) {
        guard !bytes.isEmpty else { return }
        events.append(.text(String(decoding: bytes, as: UTF8.self)))
    }

    /// White space, and what stands between bare objects.
    private func isSeparator(_ byte: UInt8) -> Bool {
        ToolCallMatcher.isSpace(byte) || (acceptsBare && isAfterCall && byte == UInt8(ascii: ";"))
    }
}
