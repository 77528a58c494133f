import HadalCore

/// Reasoning, and calls in reasoning that was never closed.
extension ChatOutputParser {
    /// Reasoning from its first call on.
    ///
    /// A model may call without closing its reasoning, and it may think about a call that it makes later. It has called when its
    /// output ends with the call, or when the reasoning is never closed; nothing of this is told before that is known.
    struct Draft: Sendable {
        enum Item: Sendable {
            case text([UInt8])
            case calls([FoundCall], text: [UInt8])
        }

        private(set) var items: [Item] = []

        /// The last thing in it is a call.
        var endsWithCall: Bool { if case .calls? = items.last { true } else { false } }

        mutating func append(_ calls: [FoundCall], text: [UInt8]) { items.append(.calls(calls, text: text)) }

        mutating func append(_ text: [UInt8]) {
            if case .text(let last)? = items.last {
                items[items.count - 1] = .text(last + text)
            } else {
                items.append(.text(text))
            }
        }

        /// All of it as the text it is.
        var text: [UInt8] {
            items.flatMap { item in
                switch item {
                case .text(let text), .calls(_, let text): text
                }
            }
        }
    }

    /// Returns whether there is more to do.
    mutating func reason() -> Bool {
        guard let markers else { return false }
        if isAtStart, draft == nil {
            // A block may be opened once more, by the model after the prompt.
            let open = Array(markers.open.utf8)
            let start = held.firstIndex { !ToolCallMatcher.isSpace($0) } ?? held.count
            let rest = held[start...]
            if !open.isEmpty, rest.starts(with: open) {
                _ = take(start + open.count)
                return true
            }
            if ending == .open, open.starts(with: rest) { return false }
            if let goesOn = takeBareStart() { return goesOn }
            dropLeadingLineEnds()
            if held.isEmpty { return false }
        } else if draft?.endsWithCall == true, let goesOn = takeBareStart() {
            return goesOn
        }
        guard let (offset, marker, isCertain) = find(reasoningMarkers) else {
            // The longest end that may be the beginning of a marker, and line ends before it.
            think(ending == .open ? lineEnd(before: held.count - partial(reasoningMarkers)) : held.count)
            return false
        }
        guard isCertain else {
            think(lineEnd(before: offset))
            return false
        }
        switch marker.kind {
        case .close:
            let end = lineEnd(before: offset)
            think(end)
            _ = take(offset - end + marker.text.count)
            isClosed = true
            beginAnswer()
        case .end:
            let end = lineEnd(before: offset)
            think(end)
            dropDraft()
            _ = take(offset - end)
            beginAnswer()
        case .call: return take(callAt: offset, length: marker.text.count, isBare: false)
        case .bareCall: return take(callAt: offset + 1, length: 1, isBare: true)
        default:
            // Opened again on a line of its own; elsewhere the text speaks of the marker.
            let isMarker = offset > 0 && Self.isLineEnd(held[offset - 1])
            think(isMarker ? offset : offset + marker.text.count)
            if isMarker { _ = take(marker.text.count) }
        }
        return true
    }

    /// Takes a call that nothing marks and that the block begins with, or that stands next to another; nil: there is none.
    private mutating func takeBareStart() -> Bool? {
        guard let scanner, scanner.acceptsBare else { return nil }
        guard let start = held.firstIndex(where: { !ToolCallMatcher.isSpace($0) && (draft == nil || $0 != UInt8(ascii: ";")) }) else {
            return ending == .open ? false : nil
        }
        if case .none = scanner.scan(held, at: start, isBare: true, ending: ending) { return nil }
        // What stands between two calls is no thought.
        return take(callAt: start, length: 1, isBare: true, textFrom: draft == nil ? nil : 0)
    }

    private mutating func beginAnswer() {
        part = .answer
        isAtStart = true
    }

    private func lineEnd(before offset: Int) -> Int {
        var end = offset
        while end > 0, Self.isLineEnd(held[end - 1]) { end -= 1 }
        return end
    }

    /// Takes a call into the draft, if one begins here.
    private mutating func take(callAt offset: Int, length: Int, isBare: Bool, textFrom: Int? = nil) -> Bool {
        switch call(at: offset, length: length, isBare: isBare) {
        case .none:
            think(offset + length)
            return true
        case .waiting:
            think(textFrom ?? lineEnd(before: offset))
            isWaiting = true
            return false
        case .found(let calls, let end):
            let known = scanner?.offered.names ?? []
            guard calls.allSatisfy({ known.contains(.init($0.name)) }) else {
                think(end)
                return true
            }
            let before = textFrom ?? lineEnd(before: offset)
            think(before)
            let text = take(end - before)
            if draft == nil { draft = Draft() }
            draft?.append(calls, text: text)
            return true
        }
    }

    /// The call that begins at an offset, with an opening text for a group of calls before it or without.
    private func call(at offset: Int, length: Int, isBare: Bool) -> CallScanner.Result {
        guard let scanner else { return .none }
        let result = scanner.scan(held, at: offset, isBare: isBare, ending: ending)
        guard case .none = result, !isBare else { return result }
        let text = Array(held[offset..<(offset + length)])
        guard scanner.formats.contains(where: { $0.begin.contains(text) }) else { return .none }
        let after = held[(offset + length)...].firstIndex { !ToolCallMatcher.isSpace($0) } ?? held.count
        let rest = held[after...]
        if let trigger = scanner.triggers.first(where: { rest.starts(with: $0) }) {
            return call(at: after, length: trigger.count, isBare: false)
        }
        return ending == .open && scanner.triggers.contains { $0.starts(with: rest) } ? .waiting : .none
    }

    /// Tells the first bytes of the held text as reasoning, or keeps them with the draft.
    private mutating func think(_ count: Int) {
        guard count > 0 else { return }
        isAtStart = false
        let text = take(count)
        if draft == nil { tell(reasoning: text) } else { draft?.append(text) }
    }

    /// The draft was a thought: more has come.
    mutating func dropDraft() {
        guard var text = draft?.text else { return }
        draft = nil
        while let last = text.last, Self.isLineEnd(last) { text.removeLast() }
        tell(reasoning: text)
    }

    /// At the end of the output: what the draft was.
    mutating func finishReasoning() {
        guard let items = draft?.items else { return }
        let ends = scanner?.formats.flatMap(\.end) ?? []
        func isBlank(_ text: [UInt8]) -> Bool {
            var rest = text[...]
            while let first = rest.first {
                if ToolCallMatcher.isSpace(first) {
                    rest.removeFirst()
                } else if let end = ends.first(where: { rest.starts(with: $0) }) {
                    rest.removeFirst(end.count)
                } else {
                    return false
                }
            }
            return true
        }
        // A model that was stopped while it went on thinking has not called.
        if ending == .cut, part == .reasoning, case .text(let text)? = items.last, !isBlank(text) { return dropDraft() }
        draft = nil
        for item in items {
            switch item {
            case .text(let text): if !isBlank(text) { tell(reasoning: Self.withoutLineEnds(text)) }
            case .calls(let calls, _): for call in calls { tell(call) }
            }
        }
        isAfterCall = true
    }
}
