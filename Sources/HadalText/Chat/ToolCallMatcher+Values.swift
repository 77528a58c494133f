import HadalCore

/// Arguments that are one value: JSON, and what is like it.
extension ToolCallMatcher {
    /// An object, or a string that holds one; nothing at all, or null, where the text that closes the call follows.
    mutating func arguments(at start: Int, before next: ArraySlice<ToolCallPattern.Element>) -> Outcome {
        let at = afterSpace(start)
        guard at < bytes.count else {
            // A model that has no arguments to give may end here, if nothing would have to follow.
            guard ending == .ended, next.isEmpty else { return shortage }
            json.append(Array("{}".utf8))
            return .matched(at)
        }
        if bytes[at] == UInt8(ascii: "{") || bytes[at] == UInt8(ascii: "\"") { return value(at: at, before: next) }
        let null = Array("null".utf8)
        let end = bytes[at...].starts(with: null) ? at + null.count : at
        if end == at, null.starts(with: bytes[at...]) { return shortage }
        let after = afterSpace(end)
        let rest = bytes[after...]
        let closers = closers(next)
        guard closers.contains(where: { rest.starts(with: $0) }) || (end > at && rest.isEmpty && ending != .open) else {
            return closers.contains { $0.starts(with: rest) } ? shortage : .failed
        }
        json.append(Array("{}".utf8))
        return .matched(end)
    }

    /// An object or an array; where text closes the call, several of them may stand before it.
    mutating func values(at start: Int, before next: ArraySlice<ToolCallPattern.Element>) -> Outcome {
        var at = afterSpace(start)
        while true {
            guard at < bytes.count else { return shortage }
            guard bytes[at] == UInt8(ascii: "{") || bytes[at] == UInt8(ascii: "[") else { return .failed }
            guard format.mayHoldCall(bytes[at...]) else { return .failed }
            let outcome = value(at: at, before: next)
            guard case .matched(let end) = outcome else { return outcome }
            guard !next.isEmpty else { return outcome }
            at = end
            while at < bytes.count, Self.isSpace(bytes[at]) || bytes[at] == UInt8(ascii: ",") || bytes[at] == UInt8(ascii: ";") { at += 1 }
            guard at < bytes.count, bytes[at] == UInt8(ascii: "{") || bytes[at] == UInt8(ascii: "[") else { return .matched(end) }
        }
    }

    private mutating func value(at start: Int, before next: ArraySlice<ToolCallPattern.Element>) -> Outcome {
        switch JSONExtent.end(ofValueAt: start, in: bytes) {
        case .end(let end):
            json.append(Array(bytes[start..<end]))
            return .matched(end)
        case .incomplete(let unclosed):
            guard ending == .ended else { return shortage }
            return closed(unclosed, from: start)
        case .malformed(let unclosed):
            let rest = bytes[unclosed.stop...]
            let closers = closers(next)
            if closers.contains(where: { rest.starts(with: $0) }) { return closed(unclosed, from: start) }
            return ending == .open && closers.contains { $0.starts(with: rest) } ? .incomplete : .failed
        }
    }

    /// A value whose last brackets were left out, if with them it is whole.
    private mutating func closed(_ unclosed: JSONExtent.Unclosed, from start: Int) -> Outcome {
        guard let closers = unclosed.closers, !closers.isEmpty, let last = bytes[start..<unclosed.stop].last else { return .failed }
        // Digits at the very end may not be all of them.
        if unclosed.stop == bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(last) { return .failed }
        let text = bytes[start..<unclosed.stop] + closers
        guard (try? JSONDocument(parsing: String(decoding: text, as: UTF8.self), file: "tool call")) != nil else { return .failed }
        json.append(Array(text))
        return .matched(unclosed.stop)
    }

    mutating func loose(
        _ element: ToolCallPattern.Element, at start: Int, before next: ArraySlice<ToolCallPattern.Element>
    ) -> Outcome {
        var reader = LooseReader(
            bytes, at: afterSpace(start), mark: element == .object ? format.mark : [], closers: closers(next), endCloses: ending == .ended)
        do {
            switch element {
            case .object: object = try reader.object()
            case .keywords:
                let name = captures[.name].map { String(decoding: $0, as: UTF8.self) } ?? ""
                object = try reader.keywords(of: name, offered: offered)
            default: calls = try reader.calls(offered: offered)
            }
            return .matched(reader.at)
        } catch {
            return error == .incomplete ? shortage : .failed
        }
    }

    mutating func matchElements(at start: Int) -> Outcome {
        var reader = ElementReader(bytes, at: start, mark: format.mark)
        do {
            elements = try reader.elements()
            return .matched(reader.at)
        } catch {
            return error == .incomplete ? shortage : .failed
        }
    }
}
