import HadalCore

/// Holds a streamed text against a pattern.
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

    private let bytes: [UInt8]
    /// Nothing will follow.
    private let isLast: Bool
    private let format: ToolCallFormat
    private(set) var captures: [ToolCallPattern.Capture: [UInt8]] = [:]
    /// The JSON of `arguments` or `calls`.
    private(set) var json: ArraySlice<UInt8>?
    private(set) var parameters: [Parameter] = []

    init(_ bytes: [UInt8], isLast: Bool, format: ToolCallFormat) {
        self.bytes = bytes
        self.isLast = isLast
        self.format = format
    }

    private var shortage: Outcome { isLast ? .failed : .incomplete }

    mutating func match(_ pattern: ToolCallPattern, from start: Int = 0) -> Outcome {
        match(pattern.elements[...], from: start)
    }

    private mutating func match(_ elements: ArraySlice<ToolCallPattern.Element>, from start: Int) -> Outcome {
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
            case .text(let capture): outcome = text(capture, at: at, before: next.first)
            case .arguments, .calls: outcome = value(at: at, holdsCalls: element == .calls)
            case .parameters: outcome = matchParameters(at: at)
            }
            guard case .matched(let end) = outcome else {
                // A text that ends right after a whole JSON value lacks nothing but what would have closed the call.
                if isLast, json != nil, isClosing(elements[index...], at: at) { return .matched(bytes.count) }
                return outcome
            }
            at = end
        }
        return .matched(at)
    }

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

    private func afterSpace(_ start: Int) -> Int {
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
        _ capture: ToolCallPattern.Capture, at start: Int, before next: ToolCallPattern.Element?
    ) -> Outcome {
        guard case .literal(let literal)? = next else { return .failed }
        guard let end = TextSearch.first(of: literal, in: bytes, from: start) else {
            return capture != .value && bytes.count - start > Self.longestWord ? .failed : shortage
        }
        // Only a value may hold what markup is made of.
        if capture != .value, end - start > Self.longestWord || bytes[start..<end].contains(where: Self.isMarkup) { return .failed }
        captures[capture] = Array(bytes[start..<end])
        return .matched(end)
    }

    private mutating func value(at start: Int, holdsCalls: Bool) -> Outcome {
        let at = afterSpace(start)
        guard at < bytes.count else { return shortage }
        guard bytes[at] == UInt8(ascii: "{") || bytes[at] == UInt8(ascii: holdsCalls ? "[" : "\"") else { return .failed }
        switch JSONExtent.end(ofValueAt: at, in: bytes) {
        case .end(let end):
            json = bytes[at..<end]
            return .matched(end)
        case .incomplete: return holdsCalls && !format.mayHoldCall(bytes[at...]) ? .failed : shortage
        case .malformed: return .failed
        }
    }

    private mutating func matchParameters(at start: Int) -> Outcome {
        var at = start
        next: while true {
            let begin = afterSpace(at)
            guard begin < bytes.count else { return shortage }
            var isOpen = false
            for form in format.parameters {
                captures[.string] = nil
                switch match(form.pattern.elements[...], from: begin) {
                case .matched(let end):
                    guard parameters.count < Self.mostParameters else { return .failed }
                    var value = captures[.value] ?? []
                    if form.trims { value = Self.trimmed(value) }
                    let key = String(decoding: captures[.key] ?? [], as: UTF8.self)
                    let isString = captures[.string].map { $0 == Array("true".utf8) }
                    parameters.append(Parameter(key: key, value: String(decoding: value, as: UTF8.self), isString: isString))
                    at = end
                    continue next
                case .incomplete: isOpen = true
                case .failed: break
                }
            }
            return isOpen ? .incomplete : .matched(at)
        }
    }

    /// Without one line end at either side.
    private static func trimmed(_ value: [UInt8]) -> [UInt8] {
        var value = value[...]
        if value.first == 0x0D { value.removeFirst() }
        if value.first == 0x0A { value.removeFirst() }
        if value.last == 0x0A { value.removeLast() }
        if value.last == 0x0D { value.removeLast() }
        return Array(value)
    }

    private static func isMarkup(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">") || byte == UInt8(ascii: "\"") || byte == 0x0A
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    private static let longestWord = 256
    private static let mostParameters = 4096
}
