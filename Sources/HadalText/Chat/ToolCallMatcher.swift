import HadalCore

/// Holds a streamed text against a pattern.
///
/// A text that leaves out what would close a call is repaired where the end is certain: see `closes`.
struct ToolCallMatcher {
    enum Outcome: Equatable {
        /// The pattern ends before this byte.
        case matched(Int)
        /// What is there fits, but more must come.
        case incomplete
        case failed
    }

    struct Parameter {
        var key: String
        var value: String
        /// Whether the text says itself that the value is a string.
        var isString: Bool?
    }

    /// What is to come after the text.
    enum Ending {
        /// More may come.
        case open
        /// Nothing: the model was stopped.
        case cut
        /// Nothing: the model has ended its output itself.
        case ended
    }

    let bytes: [UInt8]
    let ending: Ending
    let format: ToolCallFormat
    let offered: OfferedTools
    /// Texts that can stand only between calls.
    let boundaries: [[UInt8]]
    var captures: [ToolCallPattern.Capture: [UInt8]] = [:]
    /// The JSON is that of `named`.
    var isNamed = false
    /// The JSON of `arguments`, `calls` or `named`, one value each.
    var json: [[UInt8]] = []
    /// The arguments of `object` and `keywords`.
    var object: JSONObject?
    /// What `python` found.
    var calls: [(name: String, arguments: JSONObject)] = []
    var parameters: [Parameter] = []
    var elements: [ElementReader.Element] = []

    init(_ bytes: [UInt8], ending: Ending, format: ToolCallFormat, offered: OfferedTools, boundaries: [[UInt8]]) {
        self.bytes = bytes
        self.ending = ending
        self.format = format
        self.offered = offered
        self.boundaries = boundaries
    }

    var shortage: Outcome { ending == .open ? .incomplete : .failed }

    /// A part with arguments is there, so that a call is no guess.
    private var hasContent: Bool { !json.isEmpty || object != nil || !calls.isEmpty || !parameters.isEmpty || !elements.isEmpty }

    mutating func match(_ pattern: ToolCallPattern, from start: Int) -> Outcome {
        match(pattern.elements[...], from: start)
    }

    mutating func match(_ elements: ArraySlice<ToolCallPattern.Element>, from start: Int) -> Outcome {
        var at = start
        for (index, element) in zip(elements.indices, elements) {
            let next = elements[(index + 1)...]
            let outcome: Outcome
            switch element {
            case .space:
                at = afterSpace(at)
                continue
            case .literal(let literal): outcome = match(literal, at: at)
            case .word(let capture): outcome = word(capture, at: at, before: next.first)
            case .text(let capture): outcome = text(capture, at: at, before: nextLiteral(next))
            case .arguments: outcome = arguments(at: at, before: next)
            case .calls, .named:
                isNamed = element == .named
                outcome = values(at: at, before: next)
            case .object, .python, .keywords: outcome = loose(element, at: at, before: next)
            case .parameters: outcome = matchParameters(at: at, before: next)
            case .elements: outcome = matchElements(at: at)
            }
            if case .matched(let end) = outcome {
                at = end
                continue
            }
            guard elements[index...].allSatisfy(\.isLiteral) else { return outcome }
            let repaired = closes(elements[index...], at: at)
            return repaired == .failed ? outcome : repaired
        }
        return .matched(at)
    }

    /// What becomes of a call whose closing text is not there.
    ///
    /// It was left out where a text follows that can only stand between calls. At the end of the output it may be missing too, also
    /// in part: a JSON value that is whole lacks nothing else; parameters might have gone on, unless the model ended its output itself.
    private func closes(_ elements: ArraySlice<ToolCallPattern.Element>, at start: Int) -> Outcome {
        let after = afterSpace(start)
        if after < bytes.count {
            let rest = bytes[after...]
            if boundaries.contains(where: { rest.starts(with: $0) }) {
                return hasContent || format.end.contains(where: { rest.starts(with: $0) }) ? .matched(start) : .failed
            }
            if let literal = nextLiteral(elements), !json.isEmpty {
                let next = afterBrackets(after)
                let rest = bytes[next...]
                if next > after, rest.starts(with: literal) { return match(elements, at: next) }
                if next > after, ending == .open, literal.starts(with: rest) { return .incomplete }
            }
        }
        switch ending {
        case .open:
            return after == bytes.count || boundaries.contains { $0.starts(with: bytes[after...]) } ? .incomplete : .failed
        case .cut where json.isEmpty: return .failed
        case .cut, .ended: return hasContent && isClosing(elements, at: start) ? .matched(bytes.count) : .failed
        }
    }

    /// The byte after a few brackets that close nothing, and white space.
    private func afterBrackets(_ start: Int) -> Int {
        var at = start
        while at < bytes.count, at - start < 4, bytes[at] == UInt8(ascii: "}") || bytes[at] == UInt8(ascii: "]") { at += 1 }
        return afterSpace(at)
    }

    private func match(_ elements: ArraySlice<ToolCallPattern.Element>, at start: Int) -> Outcome {
        var copy = self
        return copy.match(elements, from: start)
    }

    func nextLiteral(_ elements: ArraySlice<ToolCallPattern.Element>) -> [UInt8]? {
        for element in elements { if case .literal(let literal) = element { return literal } else if element != .space { return nil } }
        return nil
    }

    /// What may follow a value at once: the text after it in the pattern, and what stands between calls.
    func closers(_ elements: ArraySlice<ToolCallPattern.Element>) -> [[UInt8]] { (nextLiteral(elements).map { [$0] } ?? []) + boundaries }

    /// Whether the rest of the text is the beginning of the literals that are still to come.
    private func isClosing(_ elements: ArraySlice<ToolCallPattern.Element>, at start: Int) -> Bool {
        var at = start
        for element in elements {
            switch element {
            case .space: at = afterSpace(at)
            case .literal(let literal):
                let rest = bytes[at...]
                if literal.count >= rest.count { return literal.starts(with: rest) }
                guard rest.starts(with: literal) else { return false }
                at += literal.count
            default: return false
            }
        }
        return at == bytes.count
    }

    func afterSpace(_ start: Int) -> Int {
        var at = start
        while at < bytes.count, Self.isSpace(bytes[at]) { at += 1 }
        return at
    }

    private func match(_ literal: [UInt8], at start: Int) -> Outcome {
        let rest = bytes[start...]
        if rest.starts(with: literal) { return .matched(start + literal.count) }
        return literal.starts(with: rest) ? shortage : .failed
    }

    private mutating func word(
        _ capture: ToolCallPattern.Capture, at start: Int, before next: ToolCallPattern.Element?
    ) -> Outcome {
        var end = start
        scan: while end < bytes.count {
            if case .literal(let literal)? = next, bytes[end...].starts(with: literal) { break }
            switch bytes[end] {
            case 0...0x20, 0x7F: break scan
            case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "["), UInt8(ascii: "]"),
                UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "`"):
                break scan
            default: end += 1
            }
            if end - start > Self.longestWord { return .failed }
        }
        if end == bytes.count { return shortage }
        guard end > start else { return .failed }
        captures[capture] = Array(bytes[start..<end])
        return .matched(end)
    }

    private mutating func text(
        _ capture: ToolCallPattern.Capture, at start: Int, before literal: [UInt8]?
    ) -> Outcome {
        guard let literal else { return .failed }
        guard let end = TextSearch.first(of: literal, in: bytes, from: start) else {
            return bytes.count - start > Self.longestWord ? .failed : shortage
        }
        // Only a value may hold what markup is made of.
        var found = bytes[start..<end]
        while let last = found.last, Self.isSpace(last) { found.removeLast() }
        if found.count > Self.longestWord || found.contains(where: Self.isMarkup) { return .failed }
        captures[capture] = Array(found)
        return .matched(end)
    }

    private static func isMarkup(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">") || byte == UInt8(ascii: "\"") || byte == 0x0A
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    private static let longestWord = 256
}
