import HadalCore

/// Parameters that stand one after another, each in a pattern of its own.
extension ToolCallMatcher {
    private static let mostParameters = 4096

    mutating func matchParameters(at start: Int, before tail: ArraySlice<ToolCallPattern.Element>) -> Outcome {
        var at = start
        next: while true {
            let begin = afterSpace(at)
            guard begin < bytes.count else {
                return ending == .open ? .incomplete : .matched(at)
            }
            var isOpen = false
            for form in format.parameters {
                captures[.string] = nil
                switch parameter(form, at: begin, before: tail) {
                case .matched(let end):
                    guard parameters.count < Self.mostParameters else { return .failed }
                    at = end
                    continue next
                case .incomplete: isOpen = true
                case .failed: break
                }
            }
            return isOpen ? .incomplete : .matched(at)
        }
    }

    private mutating func parameter(
        _ form: ToolCallFormat.ParameterForm, at start: Int, before tail: ArraySlice<ToolCallPattern.Element>
    ) -> Outcome {
        let elements = form.pattern.elements
        guard let place = elements.firstIndex(of: .text(.value)), let closer = nextLiteral(elements[(place + 1)...]) else { return .failed }
        let head = match(elements[..<place], from: start)
        guard case .matched(let from) = head else { return head }
        let key = captures[.key] ?? []
        let isString = captures[.string]
        switch valueEnd(from: from, closer: closer, before: tail) {
        case .failed: return .failed
        case .incomplete: return .incomplete
        case .matched(let end):
            let isClosed = bytes[end...].starts(with: closer)
            var value = Array(bytes[from..<end])
            // The beginning of what would have closed the value.
            if !isClosed, end == bytes.count { value.removeLast(TextSearch.partial(of: [closer], atEndOf: value)) }
            if form.trims || !isClosed { value = Self.trimmed(value) }
            if !isClosed, end == bytes.count, value.isEmpty { return .failed }
            parameters.append(
                Parameter(
                    key: String(decoding: key, as: UTF8.self), value: String(decoding: value, as: UTF8.self),
                    isString: isString.map { $0 == Array("true".utf8) }))
            guard isClosed else { return .matched(end) }
            return match(elements[(place + 1)...], from: end)
        }
    }

    /// Where a value ends: before its closing text, or, where that was left out, before the next parameter or the end of the call.
    ///
    /// Parameters do not nest. A text within a value that looks like the next parameter counts as one when the tool has a parameter of
    /// that name; one that looks like the end of the call when that end is followed by nothing but another call.
    private func valueEnd(from start: Int, closer: [UInt8], before tail: ArraySlice<ToolCallPattern.Element>) -> Outcome {
        let closed = TextSearch.first(of: closer, in: bytes, from: start)
        var openers = format.parameters.map(\.pattern.trigger)
        if case .literal(let literal)? = tail.first(where: { $0 != .space }) { openers.append(literal) }
        openers += format.end
        var at = start
        while let (offset, _) = TextSearch.earliest(of: openers, in: bytes, from: at), offset < closed ?? .max {
            switch isEnd(offset, before: tail) {
            case .matched: return .matched(offset)
            case .incomplete: return .incomplete
            case .failed: at = offset + 1
            }
        }
        if let closed { return .matched(closed) }
        return ending == .ended ? .matched(bytes.count) : shortage
    }

    /// Whether a value that was not closed ends here.
    private func isEnd(_ at: Int, before tail: ArraySlice<ToolCallPattern.Element>) -> Outcome {
        var outcome = Outcome.failed
        func consider(_ next: Outcome) { if outcome == .failed || next == .matched(at) { outcome = next } }
        for form in format.parameters {
            var copy = self
            let elements = form.pattern.elements
            guard let place = elements.firstIndex(of: .text(.value)) else { continue }
            switch copy.match(elements[..<place], from: at) {
            case .matched:
                let key = String(decoding: copy.captures[.key] ?? [], as: UTF8.self)
                let tool = String(decoding: captures[.name] ?? [], as: UTF8.self)
                if offered.has(key, of: tool) { consider(.matched(at)) }
            case .incomplete: consider(.incomplete)
            case .failed: break
            }
        }
        // The end of the call, with or without its own closing text.
        var ends = format.end.filter { bytes[at...].starts(with: $0) }.map { at + $0.count }
        var copy = self
        copy.parameters = []
        switch copy.matchStrictly(tail, from: at) {
        case .matched(let end): ends.append(end)
        case .incomplete: consider(.incomplete)
        case .failed: break
        }
        for end in ends {
            let after = afterSpace(end)
            let rest = bytes[after...]
            if rest.isEmpty {
                consider(ending == .open ? .incomplete : ending == .ended ? .matched(at) : .failed)
            } else if boundaries.contains(where: { rest.starts(with: $0) }) {
                consider(.matched(at))
            } else if ending == .open, boundaries.contains(where: { $0.starts(with: rest) }) {
                consider(.incomplete)
            }
        }
        return outcome
    }

    /// Literals and white space, nothing left out.
    private func matchStrictly(_ elements: ArraySlice<ToolCallPattern.Element>, from start: Int) -> Outcome {
        var at = start
        for element in elements {
            guard case .literal(let literal) = element else {
                at = afterSpace(at)
                continue
            }
            let rest = bytes[at...]
            guard rest.starts(with: literal) else { return ending == .open && literal.starts(with: rest) ? .incomplete : .failed }
            at += literal.count
        }
        return at > start ? .matched(at) : .failed
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
}
