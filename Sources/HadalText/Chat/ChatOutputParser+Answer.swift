/// The answer, and the calls in it.
extension ChatOutputParser {
    /// Returns whether there is more to do.
    mutating func answer() -> Bool {
        dropLeadingLineEnds()
        if held.isEmpty { return false }
        if told.isEmpty, let opened = frame() { return opened }
        if let scanner, scanner.acceptsBare, isAfterCall || told.isEmpty {
            let space = held.prefix(while: isSeparator).count
            undecided += take(space)
            if held.isEmpty { return false }
            if borrowed == 0, take(callWith: scanner, isBare: true) { return true }
            if isWaiting { return false }
        }
        guard let (offset, marker, isCertain) = find(answerMarkers) else {
            say(held.count - partial(answerMarkers))
            return false
        }
        say(offset)
        guard isCertain else { return false }
        let length = marker.text.count
        switch marker.kind {
        case .drop:
            _ = take(length)
            isAtStart = true
        case .open:
            guard let markers, markers.reopens || told.isEmpty else {
                // The answer speaks of the markers.
                isClosed = true
                say(length)
                return true
            }
            _ = take(length)
            part = .reasoning
            isAtStart = true
        case .close: return close(length)
        case .frameEnd:
            let after = held[length...].drop(while: ToolCallMatcher.isSpace)
            if after.isEmpty, ending == .open { return false }
            let isEnd = after.isEmpty || scanner?.triggers.contains { after.starts(with: $0) } ?? false
            if isEnd { _ = take(held.count - after.count) } else { say(length) }
        case .callEnd where isAfterCall:
            undecided = []
            _ = take(length)
        default:
            if let scanner, take(callWith: scanner, isBare: false) { return true }
            if isWaiting { return false }
            if scanner?.formats.contains(where: { $0.begin.contains(marker.text) }) == true {
                undecided += take(length)
            } else {
                say(length)
            }
        }
        return true
    }

    /// Drops the text that an answer is framed with; nil: there is none.
    private mutating func frame() -> Bool? {
        guard let open = markers.map({ Array($0.answerOpen.utf8) }), !open.isEmpty else { return nil }
        let rest = held.drop(while: ToolCallMatcher.isSpace)
        if rest.starts(with: open) {
            _ = take(rest.startIndex + open.count)
            isAtStart = true
            return true
        }
        return ending == .open && open.starts(with: rest) ? false : nil
    }

    /// A closing marker in the answer: what stands before the only one was thought.
    private mutating func close(_ length: Int) -> Bool {
        if isClosed {
            // Closed twice; anywhere else the answer speaks of the marker.
            if told.isEmpty, undecided.allSatisfy(ToolCallMatcher.isSpace), markers != nil {
                _ = take(length)
                isAtStart = true
            } else {
                say(length)
            }
            return true
        }
        // In quotation marks it is spoken of too.
        if let quote = (undecided.isEmpty ? told.last : undecided.last),
            [UInt8(ascii: "`"), UInt8(ascii: "\""), UInt8(ascii: "'")].contains(quote)
        {
            if held.count == length, ending == .open { return false }
            if held.count > length, held[length] == quote {
                say(length)
                return true
            }
        }
        _ = take(length)
        isClosed = true
        let thought = Self.withoutLineEnds(told + undecided)
        if told.isEmpty {
            tell(reasoning: thought)
        } else {
            events.append(.textWasReasoning(String(decoding: thought, as: UTF8.self)))
        }
        told = []
        undecided = []
        isAfterCall = false
        isAtStart = true
        return true
    }

    /// Takes the calls that the held text begins with. Returns whether there were any.
    private mutating func take(callWith scanner: CallScanner, isBare: Bool) -> Bool {
        switch scanner.scan(held, at: 0, isBare: isBare, ending: ending) {
        case .none: return false
        case .waiting:
            isWaiting = true
            return false
        case .found(let calls, let end):
            dropDraft()
            undecided = []
            for call in calls { tell(call) }
            _ = take(end)
            isAfterCall = true
            return true
        }
    }

    /// Tells the first bytes of the held text. Where calls are looked for, white space at their end waits for what comes.
    private mutating func say(_ count: Int) {
        guard count > 0 else { return }
        var text = take(count)[...]
        if text.allSatisfy(isSeparator), scanner != nil || draft != nil {
            undecided += text
            return
        }
        if isAfterCall {
            // White space after a call goes with the call; a text that follows begins with its first letter.
            if undecided.allSatisfy(ToolCallMatcher.isSpace) { undecided = [] }
            if undecided.isEmpty { text = text.drop(while: ToolCallMatcher.isSpace) }
            isAfterCall = false
        }
        let trailing = scanner == nil ? 0 : text.reversed().prefix(while: ToolCallMatcher.isSpace).count
        append(undecided + text.dropLast(trailing))
        undecided = Array(text.suffix(trailing))
    }

    private mutating func append(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        dropDraft()
        told += bytes
        events.append(.text(String(decoding: bytes, as: UTF8.self)))
    }

    mutating func finishAnswer() {
        if !isAfterCall || !undecided.allSatisfy(ToolCallMatcher.isSpace) { append(undecided) }
        undecided = []
    }

    /// White space, and what stands between bare objects.
    private func isSeparator(_ byte: UInt8) -> Bool {
        ToolCallMatcher.isSpace(byte) || (isAfterCall && byte == UInt8(ascii: ";") && scanner?.acceptsBare == true)
    }
}
